"""Training that goes on from an earlier student: what is taken from it, and what stays the classifier's."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.shot import SHOTSettings
from tasks.students.symptoms import symptoms_after
from tasks.students.warm_start import LastStudent, beginning, take_weights
from tests.students.conftest import CLASSES, CONFIG
from tests.students.relabelling_toys import SPEAKERS, clips, target_of

WARM = MIFuseSettings(recipe="paper", warm_start=True, steps=52)


@pytest.fixture
def other_head() -> Head:
    """An earlier student: other weights, statistics of other clips."""
    torch.manual_seed(1)
    head = Head(CONFIG)
    head.mean_LD.fill_(0.5)
    head.std_LD.fill_(2)
    return head


@pytest.fixture
def last(tmp_path: Path, other_head: Head) -> LastStudent:
    save_classifier(tmp_path / "last", other_head, CONFIG)
    return LastStudent(folder=tmp_path / "last", result="0123456789abcdef", warm_starts=3)


def train(head: Head, data: TrainingData, resume: Checkpoint | None = None, **given: Any) -> Student:
    last = given.pop("last", None)
    settings = MIFuseSettings.model_validate({"steps": 10, "batch_size": 4, "learning_rate": 0.01} | given)
    return settings.train(head, data, CLASSES, resume, lambda point: None, lambda steps: None, last=last)


def parameters(head: Head) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in head.named_parameters()}


def test_it_begins_with_the_last_students_weights_and_a_fifth_of_the_steps(last: LastStudent, other_head: Head) -> None:
    begin = beginning(WARM, last, CONFIG)
    assert begin.student == WARM.model_copy(update={"steps": 11})  # 10.4, rounded up
    torch.testing.assert_close(parameters(begin.given["last"]), parameters(other_head), rtol=0, atol=0)
    assert begin.warnings == []


def test_what_it_went_on_from_and_how_often_is_told(last: LastStudent) -> None:
    assert beginning(WARM, last, CONFIG).told == {"started_from": "student 0123456789ab", "warm_starts": 4}


def test_a_first_run_starts_from_the_classifier_without_a_warning() -> None:
    begin = beginning(WARM, LastStudent(), CONFIG)
    assert (begin.student, begin.given, begin.warnings) == (WARM, {}, [])
    assert begin.told == {"started_from": "classifier", "warm_starts": 0}


@pytest.mark.parametrize("student", [MIFuseSettings(), SHOTSettings()], ids=lambda student: student.kind)
def test_where_no_warm_start_is_asked_for_nothing_is_taken_and_nothing_told(student: Any) -> None:
    begin = beginning(student, None, CONFIG)
    assert (begin.student, begin.given, begin.told, begin.warnings) == (student, {}, {}, [])


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        ({"classes": ["happy", "angry", "sad"]}, "other classes, or has them in another order"),
        ({"encoder_identity": {"sha256": "another"}}, "another encoder"),
        ({"n_layers": 3}, "another number of layers"),
        ({"dim": 6}, "another number of features"),
        ({"hidden": 9}, "another hidden size"),
        ({"pooling": "attentive"}, "another pooling"),
        ({"layers": "last"}, "another choice of layers"),
        ({"activation": "none"}, "another activation"),
        ({"groups": [0, 1, 2, None]}, "another grouping of its outputs"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_student_that_does_not_fit_is_not_gone_on_from_and_why_is_told(
    last: LastStudent, differing: dict[str, Any], told: str
) -> None:
    begin = beginning(WARM, last, ClassifierConfig.model_validate(CONFIG.model_dump() | differing))
    assert (begin.student, begin.given) == (WARM, {})
    assert begin.warnings == [f"starts from the classifier, with all 52 steps: the last student has {told}"]
    assert begin.told == {"started_from": "classifier", "warm_starts": 0}


def test_another_rate_of_dropout_fits(last: LastStudent) -> None:
    assert "last" in beginning(WARM, last, CONFIG.model_copy(update={"dropout": 0.5})).given


def test_weights_that_cannot_be_read_are_not_gone_on_from(last: LastStudent) -> None:
    assert last.folder is not None
    (last.folder / "model.safetensors").write_bytes(b"cut off")
    begin = beginning(WARM, last, CONFIG)
    assert begin.given == {}
    assert "model.safetensors: does not fit config.json" in begin.warnings[0]


def test_the_weights_are_taken_and_the_statistics_are_not(head: Head, other_head: Head) -> None:
    statistics = head.mean_LD.clone(), head.std_LD.clone()
    take_weights(head, other_head)
    torch.testing.assert_close(parameters(head), parameters(other_head), rtol=0, atol=0)
    torch.testing.assert_close((head.mean_LD, head.std_LD), statistics, rtol=0, atol=0)


def test_before_its_first_step_it_answers_as_the_last_student_did(
    head: Head, other_head: Head, data_of: Callable[..., TrainingData]
) -> None:
    """Where the statistics are alike; the answers then change with the training."""
    data = data_of()
    head.mean_LD.copy_(other_head.mean_LD)
    head.std_LD.copy_(other_head.std_LD)
    student = train(head, data, recipe="paper", last=other_head)
    assert student.named is not None
    with torch.no_grad():
        expected_N = other_head.eval()(data.features.rows(range(len(data)))).argmax(dim=-1)
        before_N = head.eval()(data.features.rows(range(len(data)))).argmax(dim=-1)
    assert student.named.classes_PM[0].tolist() == expected_N.tolist()
    assert expected_N.tolist() != before_N.tolist()


def test_neither_the_classifier_nor_the_last_student_is_changed(
    head: Head, other_head: Head, data_of: Callable[..., TrainingData]
) -> None:
    before = copy.deepcopy((head.state_dict(), other_head.state_dict()))
    train(head, data_of(), recipe="paper", last=other_head)
    torch.testing.assert_close((head.state_dict(), other_head.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("refresh", ["epoch", "step"])
def test_the_moving_teacher_starts_as_the_classifier(
    head: Head, other_head: Head, data_of: Callable[..., TrainingData], refresh: str
) -> None:
    """The labels of the first step are those of a cold start, so the student does not hear its own opinion."""
    settings = MIFuseSettings.model_validate({"recipe": "paper", "batch_size": 4, "teacher_refresh": refresh})
    cold, warm = (settings.loop(copy.deepcopy(head), data_of(), CLASSES, last) for last in (None, other_head))
    for loop in (cold, warm):
        loop.advance()
    expected_BC = cold._objective.target_BC()
    assert expected_BC is not None
    torch.testing.assert_close(warm._objective.target_BC(), expected_BC, rtol=0, atol=0)
    assert not torch.equal(warm._head.to_logits.weight, cold._head.to_logits.weight)


def test_the_labels_of_the_recipe_best_stay_the_classifiers(head: Head, other_head: Head) -> None:
    data = target_of(clips(), speakers=SPEAKERS)
    cold, warm = (train(head, data, batch_size=16, last=last) for last in (None, other_head))
    assert cold.labels_NC is not None
    assert warm.labels_NC is not None
    assert torch.equal(warm.labels_NC, cold.labels_NC)
    assert not torch.equal(warm.head.to_logits.weight, cold.head.to_logits.weight)


def test_with_the_recipe_best_its_statistics_are_of_the_clips_as_they_are_now(head: Head, other_head: Head) -> None:
    data = target_of(clips(), speakers=SPEAKERS)
    student = train(head, data, batch_size=16, last=other_head)
    assert torch.equal(student.head.mean_LD, statistics_of(data.features).mean_LD)


def test_a_run_that_was_cut_off_goes_on_to_the_same_bits(
    tmp_path: Path, head: Head, other_head: Head, data_of: Callable[..., TrainingData]
) -> None:
    """Whatever student it is given then: after the checkpoint only the checkpoint counts."""
    settings = MIFuseSettings(recipe="paper", steps=260, batch_size=4)
    given, report = (head, data_of(), CLASSES), lambda steps: None
    whole = settings.train(*given, None, lambda point: write_checkpoint(tmp_path, point), report, last=other_head)
    for last in (other_head, head):
        point = read_checkpoint(tmp_path)
        assert point is not None
        resumed = settings.train(*given, point, lambda point: None, report, last=last)
        torch.testing.assert_close(resumed.head.state_dict(), whole.head.state_dict(), rtol=0, atol=0)
        assert resumed.curves == whole.curves


def test_a_student_that_keeps_the_last_ones_answers_does_not_stagnate(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    """Though one that keeps the classifier's does."""
    data = data_of()
    still = train(head, data, recipe="paper", learning_rate=1e-9)
    judged = (still, data.labels_NC, CLASSES, WARM.model_dump())
    assert "stagnation" in " ".join(symptoms_after(*judged))
    assert "stagnation" not in " ".join(symptoms_after(*judged, went_on=True))
