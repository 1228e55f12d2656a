"""Several systems over the same clips."""

import numpy as np
import pytest

from tasks.evaluation.compare import gap_recovered, oracle_probs, score_systems, ua_margin

GOLD = ["sad", "sad", "happy", "happy"]
CLASSES = ["sad", "happy"]
SAD, HAPPY, NONE = [1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]
SOURCE, LALM = np.array([SAD, HAPPY, HAPPY, SAD]), np.array([SAD, SAD, NONE, SAD])


def uas(**ua: float) -> dict[str, dict[str, float]]:
    return {name: {"ua": value} for name, value in ua.items()}


def test_systems_come_teachers_first_then_fused_student_oracle() -> None:
    probs = {"student": SOURCE, "fused": SOURCE, "lalm": LALM, "source": SOURCE}
    assert list(score_systems(GOLD, probs, CLASSES)) == ["source", "lalm", "fused", "student", "oracle"]


def test_a_refusal_names_the_system() -> None:
    with pytest.raises(ValueError, match="lalm: 1 of 4 rows are not probability distributions"):
        score_systems(GOLD, {"source": SOURCE, "lalm": np.vstack([LALM[:3], [[3.0, -2.0]]])}, CLASSES)


def test_the_oracle_is_right_wherever_a_teacher_is() -> None:
    assert score_systems(GOLD, {"source": SOURCE, "lalm": LALM, "student": SOURCE}, CLASSES)["oracle"]["wa"] == 0.75


def test_where_no_teacher_is_right_the_oracle_answers_as_the_first_one() -> None:
    assert oracle_probs(GOLD, [SOURCE, LALM], CLASSES)[3].tolist() == SAD


def test_where_several_teachers_are_right_the_oracle_answers_as_the_first_of_them() -> None:
    sure, unsure = np.array([SAD] * 4), np.array([[0.6, 0.4]] * 4)
    assert oracle_probs(GOLD, [unsure, sure], CLASSES)[0].tolist() == [0.6, 0.4]


def test_one_teacher_has_no_oracle() -> None:
    assert "oracle" not in score_systems(GOLD, {"source": SOURCE, "student": SOURCE}, CLASSES)


def test_the_gap_recovered_is_negative_below_the_better_teacher() -> None:
    assert gap_recovered(uas(source=0.4, lalm=0.5, oracle=0.7, student=0.45)) == -0.25


def test_the_gap_recovered_is_above_1_beyond_the_oracle() -> None:
    assert gap_recovered(uas(source=0.4, lalm=0.5, oracle=0.6, student=0.65)) == 1.5


def test_without_an_oracle_no_gap_is_known() -> None:
    assert gap_recovered(uas(lalm=0.5, student=0.6)) is None


def test_where_choosing_gains_nothing_there_is_no_gap_to_recover() -> None:
    assert gap_recovered(uas(source=0.5, lalm=0.5, oracle=0.5, student=0.6)) is None


def test_the_margin_holds_the_true_ua_in_about_95_of_100_samples() -> None:
    rng, recalls, n = np.random.default_rng(0), np.array([0.3, 0.6, 0.9]), 40
    hits = 0
    for right in rng.binomial(n, recalls, size=(2000, 3)):
        confusion = np.diag(right)
        confusion[:, 0] += n - right
        confusion[0] = [right[0], n - right[0], 0]
        hits += abs(right.mean() / n - recalls.mean()) <= ua_margin(confusion.tolist())
    assert 0.93 <= hits / 2000 <= 0.98


def test_the_margin_is_not_0_where_every_clip_is_right() -> None:
    assert ua_margin([[10, 0, 0], [0, 10, 0]]) > 0.05


def test_a_class_without_gold_clips_leaves_the_margin_alone() -> None:
    assert ua_margin([[8, 2, 0], [0, 0, 0]]) == ua_margin([[8, 2]])


def test_the_margin_of_no_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="the confusion matrix holds no clips"):
        ua_margin([[0, 0], [0, 0]])
