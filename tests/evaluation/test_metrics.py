"""Metrics, against a literal second implementation, by hand, and by what they refuse."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.metrics import score

CLASSES = ["angry", "happy", "sad"]


def certain(*names: str | None) -> np.ndarray:
    """One-hot rows; None is a row without an answer."""
    rows = [np.full(3, np.nan) if name is None else np.eye(3)[CLASSES.index(name)] for name in names]
    return np.array(rows)


def score_literally(gold: list[str], named: list[str | None]) -> tuple[float, float, float]:
    occurring = [c for c in CLASSES if c in gold]
    pairs = list(zip(gold, named, strict=True))
    recalls, f1s = [], []
    for c in occurring:
        right, n, predicted = pairs.count((c, c)), gold.count(c), named.count(c)
        recalls.append(right / n)
        f1s.append(2 * right / (n + predicted))
    return sum(recalls) / len(occurring), sum(g == p for g, p in pairs) / len(gold), sum(f1s) / len(occurring)


answers = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from([*CLASSES, None])), min_size=1, max_size=40)


@given(answers)
def test_ua_wa_and_macro_f1_are_those_of_a_literal_second_implementation(pairs: list[tuple[str, str | None]]) -> None:
    gold, named = [g for g, _ in pairs], [p for _, p in pairs]
    scores = score(gold, certain(*named), CLASSES)
    assert (scores.ua, scores.wa, scores.macro_f1) == pytest.approx(score_literally(gold, named))


@given(answers)
def test_the_confusion_matrix_counts_every_clip_once(pairs: list[tuple[str, str | None]]) -> None:
    scores = score([g for g, _ in pairs], certain(*[p for _, p in pairs]), CLASSES)
    assert sum(map(sum, scores.confusion)) == scores.n == len(pairs)


def test_ua_gives_each_class_the_same_weight_and_wa_each_clip() -> None:
    scores = score(["angry"] * 9 + ["sad"], certain(*["angry"] * 10), CLASSES)
    assert (scores.ua, scores.wa) == (0.5, 0.9)


def test_a_class_without_gold_clips_does_not_count() -> None:
    scores = score(["angry", "sad"], certain("angry", "sad"), CLASSES)
    assert (scores.ua, scores.macro_f1, scores.recall) == (1.0, 1.0, {"angry": 1.0, "sad": 1.0})


def test_a_clip_without_an_answer_is_wrong() -> None:
    scores = score(["angry", "angry"], certain("angry", None), CLASSES)
    assert (scores.ua, scores.wa, scores.coverage) == (0.5, 0.5, 0.5)


def test_the_last_column_of_the_confusion_matrix_counts_clips_without_an_answer() -> None:
    assert score(["angry", "sad"], certain("happy", None), CLASSES).confusion == [[0, 1, 0, 0], [0] * 4, [0, 0, 0, 1]]


def test_ece_is_over_the_answered_clips_alone() -> None:
    assert score(["angry", "sad"], certain("angry", None), CLASSES).ece == 0.0


def test_a_system_without_any_answer_scores_zero_and_has_no_ece() -> None:
    scores = score(["angry", "sad"], certain(None, None), CLASSES)
    assert (scores.ua, scores.wa, scores.macro_f1, scores.coverage, scores.ece) == (0.0, 0.0, 0.0, 0.0, None)


def test_of_equally_probable_classes_the_first_is_taken() -> None:
    assert score(["angry"], np.array([[0.4, 0.4, 0.2]]), CLASSES).wa == 1.0


def test_a_row_rounded_to_three_decimals_is_a_distribution() -> None:
    assert score(["angry"], np.array([[0.334, 0.333, 0.3335]]), CLASSES).n == 1


def test_a_sum_a_little_above_1_is_full_confidence() -> None:
    assert score(["angry"], np.array([[1.0005, 0.0, 0.0]]), CLASSES).ece == 0.0


def test_scores_survive_json() -> None:
    scores = score(["angry", "sad"], certain("angry", None), CLASSES).to_json()
    assert json.loads(json.dumps(scores)) == scores


def test_no_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="there are no clips to score"):
        score([], np.empty((0, 3)), CLASSES)


def test_a_gold_label_that_is_no_class_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"1 of 2 gold labels .*\(angry, happy, sad\); first: gold\[1\] = 'fear'"):
        score(["sad", "fear"], certain("sad", "sad"), CLASSES)


@pytest.mark.parametrize("shape", [(2, 2), (1, 3), (2, 1, 3), (6,)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"has shape .*, but there are 2 gold labels, 3 classes"):
        score(["sad", "sad"], np.full(shape, 1 / 3), CLASSES)


@pytest.mark.parametrize(
    "row", [[2.0, -1.0, 0.0], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [np.nan, 0.5, 0.5], [np.inf, 0, 0]]
)
def test_a_row_that_is_no_distribution_is_refused_with_its_place(row: list[float]) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 rows are not probability distributions; first: row 1 = .*logits\?"):
        score(["sad", "sad"], np.array([[0.2, 0.2, 0.6], row]), CLASSES)
