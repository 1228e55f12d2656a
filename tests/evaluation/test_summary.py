"""What can be said without gold."""

import polars as pl
import pytest

from tasks.evaluation.summary import summarise

CLASSES = ["sad", "happy"]
LABELS = pl.Enum(CLASSES)


def make_pseudo_labels(lalm: list[str | None], classifier: list[str], fused: list[str]) -> pl.DataFrame:
    columns = {"clip_id": [f"c{i}" for i in range(len(fused))], "label": fused, "confidence": [0.8] * len(fused)}
    for teacher, labels in (("lalm", lalm), ("classifier", classifier)):
        sad = [None if label is None else 0.75 if label == "sad" else 0.25 for label in labels]
        columns |= {f"{teacher}_label": labels, f"{teacher}_p_sad": sad}
        columns |= {f"{teacher}_p_happy": [None if p is None else 1 - p for p in sad]}
    return pl.DataFrame(columns).with_columns(pl.col("^.*label$").cast(LABELS))


def make_predictions(labels: list[str]) -> pl.DataFrame:
    ids = [f"c{i}" for i in range(len(labels))]
    return pl.DataFrame({"clip_id": ids, "label": labels, "confidence": [0.9] * len(ids)}).cast({"label": LABELS})


TAUGHT = make_pseudo_labels(["sad", None, "happy", "sad"], ["sad", "sad", "sad", "happy"], ["sad", "sad", "sad", "sad"])
SUMMARY = summarise(TAUGHT, make_predictions(["sad", "happy", "sad", "sad"]), ["lalm", "classifier"], CLASSES)


def test_class_shares_are_of_the_answers() -> None:
    assert SUMMARY["systems"]["lalm"]["class_shares"] == {"sad": pytest.approx(2 / 3), "happy": pytest.approx(1 / 3)}


def test_coverage_is_the_share_of_clips_with_an_answer() -> None:
    assert SUMMARY["systems"]["lalm"]["coverage"] == 0.75


def test_the_confidence_of_a_teacher_is_its_highest_probability() -> None:
    assert SUMMARY["systems"]["lalm"]["mean_confidence"] == 0.75


def test_two_systems_are_compared_over_the_clips_that_both_answered() -> None:
    assert SUMMARY["agreement"]["pairs"]["lalm"]["classifier"] == pytest.approx(1 / 3)


def test_agreement_is_the_same_both_ways() -> None:
    pairs = SUMMARY["agreement"]["pairs"]
    assert all(pairs[a][b] == pairs[b][a] for a in pairs for b in pairs[a])


def test_agreement_of_all_is_over_the_clips_that_all_answered() -> None:
    assert SUMMARY["agreement"]["all"] == pytest.approx(1 / 3)


def test_systems_come_in_the_order_of_the_tables() -> None:
    assert list(SUMMARY["systems"]) == ["classifier", "lalm", "fused", "student"]


def test_a_teacher_that_never_answered_has_neither_confidence_nor_agreement() -> None:
    taught = make_pseudo_labels([None, None], ["sad", "sad"], ["sad", "sad"]).with_columns(
        pl.col("^lalm_p_.*$").cast(float)
    )
    summary = summarise(taught, make_predictions(["sad", "sad"]), ["lalm", "classifier"], CLASSES)
    assert (summary["systems"]["lalm"]["mean_confidence"], summary["agreement"]["all"]) == (None, None)


def test_a_clip_left_out_of_the_pseudo_labels_still_counts_for_the_student() -> None:
    summary = summarise(TAUGHT.head(2), make_predictions(["sad", "happy", "sad"]), ["lalm", "classifier"], CLASSES)
    assert (summary["n"], summary["systems"]["student"]["coverage"]) == (3, 1.0)


def test_a_clip_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="predictions holds 2 rows with a clip_id that occurs twice; first: 'c0'"):
        summarise(TAUGHT, pl.concat([make_predictions(["sad"])] * 2), ["lalm", "classifier"], CLASSES)
