"""Clips for which a teacher has too few valid draws: fused from the rest and marked, or left out."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.contracts.errors import DrawsError
from tasks.contracts.tables import p_columns
from tasks.fusion import Rule
from tasks.fusion.mutual_information import MutualInformationRule
from tests.fuse_labels.conftest import CLASSES, SHAKY, SURE_OF_SAD, TEACHERS, Place


def test_a_clip_with_one_valid_lalm_draw_is_fused_from_the_classifier_alone(
    fuse_one: Callable[..., dict[str, Any]],
) -> None:
    row = fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY)
    assert (row["lalm_weight"], row["classifier_weight"]) == (0, 1)
    assert [row[name] for name in p_columns(CLASSES)] == pytest.approx([2 / 3, 1 / 3, 0])
    assert row["reason"] == "lalm: 1 of 3 draws valid"


def test_what_a_lone_draw_said_is_shown_and_its_mutual_information_is_unknown(
    fuse_one: Callable[..., dict[str, Any]],
) -> None:
    row = fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY)
    assert (row["lalm_label"], row["lalm_n_draws"], row["lalm_mi"], row["lalm_entropy"]) == ("happy", 1, None, 0)
    assert row["agreement"] is False


def test_a_teacher_without_any_answer_has_no_label_and_no_numbers(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([None] * 3, SHAKY)
    unknown = ["lalm_label", "lalm_mi", "lalm_entropy", *p_columns(CLASSES, "lalm")]
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert (row["lalm_n_draws"], row["lalm_weight"], row["reason"]) == (0, 0, "lalm: 0 of 3 draws valid")


def test_a_teacher_that_said_nothing_does_not_disagree(fuse_one: Callable[..., dict[str, Any]]) -> None:
    assert fuse_one([None] * 3, SHAKY)["agreement"] is True


def test_teachers_that_all_said_nothing_do_not_agree(fuse_one: Callable[..., dict[str, Any]]) -> None:
    assert fuse_one([None] * 3, [None] * 3)["agreement"] is False


def test_a_clip_that_no_teacher_can_judge_is_left_without_a_label(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([None] * 3, [None, None, SURE_OF_SAD[0]])
    unlabelled = ["label", "confidence", "margin", *p_columns(CLASSES)]
    assert [row[name] for name in unlabelled] == [None] * len(unlabelled)
    assert row["reason"] == "lalm: 0 of 3 draws valid; classifier: 1 of 3 draws valid"


LEAVE_OUT = MutualInformationRule(incomplete="leave_out")


def test_leave_out_takes_the_label_from_a_clip_that_one_teacher_cannot_judge(
    fuse_one: Callable[..., dict[str, Any]],
) -> None:
    row = fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY, LEAVE_OUT)
    unlabelled = ["label", "confidence", "margin", *p_columns(CLASSES)]
    assert [row[name] for name in unlabelled] == [None] * len(unlabelled)
    assert (row["lalm_weight"], row["classifier_weight"]) == (0, 0)
    assert row["reason"] == "lalm: 1 of 3 draws valid"


def test_leave_out_still_shows_what_the_teachers_said_and_labels_the_other_clips(
    fuse_one: Callable[..., dict[str, Any]], place: Place
) -> None:
    assert fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY, LEAVE_OUT)["classifier_label"] == "angry"
    assert place.table()["label"].to_list() == [None, "sad"]


@pytest.mark.parametrize(("rule", "counts"), [(MutualInformationRule(), (2, 0)), (LEAVE_OUT, (1, 1))])
def test_labelled_and_left_out_clips_are_counted(rule: Rule, counts: tuple[int, int], place: Place) -> None:
    place.clips({"clip_id": "a", "sha256": "a"}, {"clip_id": "b", "sha256": "b"})
    place.draws("lalm", {"a": [None, None], "b": SURE_OF_SAD[:2]})
    place.draws("classifier", {"a": SHAKY, "b": SHAKY})
    assert place.fuse(rule) == dict(zip(("labelled", "left_out"), counts, strict=True))


def test_when_no_clip_gets_a_label_the_stage_says_so_and_writes_nothing(place: Place) -> None:
    place.clips({"clip_id": "a", "sha256": "a"})
    for teacher in TEACHERS:
        place.draws(teacher, {"a": [SHAKY[0], None]})
    with pytest.raises(DrawsError, match="no clip gets a label: no teacher has 2 valid draws for any clip"):
        place.fuse()
    assert not place.out.exists()
