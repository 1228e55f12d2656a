"""Warnings about labels and trainings that go wrong, on made-up ones and on real runs that show each sign."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tasks.encoders.features import Means
from tasks.fusion.base import Draws
from tasks.networks.head import Head
from tasks.students.base import Named, Student, TrainingData
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.symptoms import symptoms_after, symptoms_before

CLASSES = ["angry", "happy", "sad"]
SETTINGS: dict[str, Any] = {"batch_size": 4, "diversity": 1.0, "learning_rate": 1e-4, "steps": 1500}
SETTINGS |= {"ema": 0.999, "teacher_refresh": "step"}


def labels_of(named: list[int], confidence: float = 0.8) -> torch.Tensor:
    """Soft labels whose best class is given; the other two share the rest."""
    return torch.eye(3)[named] * (confidence - (1 - confidence) / 2) + (1 - confidence) / 2


def before(data: TrainingData, **changed: Any) -> list[str]:
    return symptoms_before(data, CLASSES, SETTINGS | changed)


def test_sound_labels_are_nothing_to_warn_of(data_of: Callable[..., TrainingData]) -> None:
    assert before(data_of(labels_NC=labels_of([0, 1, 2] * 4))) == []


def test_labels_of_one_class_are_told_once(data_of: Callable[..., TrainingData]) -> None:
    [told] = before(data_of(labels_NC=labels_of([1] * 12)))
    assert told.startswith(
        "every pseudo-label names happy: the student can learn little more than to say that. Look at"
    )


@pytest.mark.parametrize(
    ("drawn", "told"), [([0, 1, 1], "no pseudo-label names sad, nor does any draw of"), ([0, 1, 2], "names sad: the")]
)
def test_a_class_that_no_label_names_is_told(data_of: Callable[..., TrainingData], drawn: list[int], told: str) -> None:
    """And whether any paid teacher ever names it."""
    draws = Draws(labels_of(drawn * 4)[:, None].repeat(1, 4, 1), torch.ones(12, 4, dtype=torch.bool))
    [warning] = before(data_of(labels_NC=labels_of([0, 1] * 6), draws=[draws, None]))
    assert told in warning
    assert "take it out of classes, and lower student.diversity" in warning


def test_without_a_paid_teacher_nothing_is_said_of_draws(data_of: Callable[..., TrainingData]) -> None:
    [warning] = before(data_of(labels_NC=labels_of([0, 1] * 6), draws=[None]))
    assert warning.startswith("no pseudo-label names sad: the student")


def test_draws_that_are_not_valid_name_nothing(data_of: Callable[..., TrainingData]) -> None:
    """They hold zeros, whose first class is the best."""
    draws = Draws(torch.zeros(12, 4, 3), torch.zeros(12, 4, dtype=torch.bool))
    [warning] = before(data_of(labels_NC=labels_of([1, 2] * 6), draws=[draws, None]))
    assert "no pseudo-label names angry, nor does any draw" in warning


def test_a_trainer_without_diversity_is_not_told_to_lower_it(data_of: Callable[..., TrainingData]) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "diversity"}
    [warning] = symptoms_before(data_of(labels_NC=labels_of([0, 1] * 6)), CLASSES, settings)
    assert "take it out of classes; if it does" in warning


@pytest.mark.parametrize(("confidence", "warnings"), [(0.36, 1), (0.6, 0)])
def test_labels_that_are_nearly_uniform_are_told(
    data_of: Callable[..., TrainingData], confidence: float, warnings: int
) -> None:
    told = before(data_of(labels_NC=labels_of([0, 1, 2] * 4, confidence)))
    assert ["the pseudo-labels are nearly uniform (mean entropy 100% of" in each for each in told] == [True] * warnings


@pytest.mark.parametrize(("batch_size", "warnings"), [(12, 0), (13, 1)])
def test_fewer_clips_than_a_batch_are_told(
    data_of: Callable[..., TrainingData], batch_size: int, warnings: int
) -> None:
    told = before(data_of(labels_NC=labels_of([0, 1, 2] * 4)), batch_size=batch_size)
    assert ["12 clips are fewer than student.batch_size (13)" in each for each in told] == [True] * warnings


def student_of(looks: list[list[int]], agreement: float = 0.8) -> Student:
    """Made up: what the student named at each look."""
    named = Named(list(range(len(looks))), torch.arange(len(looks[0])), torch.tensor(looks, dtype=torch.uint8))
    return Student(Head.__new__(Head), [{"step": 1.0, "agreement": agreement}] * 8, named)


def after(student: Student, labels: list[int]) -> list[str]:
    return symptoms_after(student, labels_of(labels), CLASSES, SETTINGS)


def test_a_training_that_went_well_is_nothing_to_warn_of() -> None:
    looks = [[0] * 30, [0, 1, 0] * 10, *[[0, 1, 2] * 10] * 4]
    assert after(student_of(looks), [0, 1, 2] * 10) == []


def test_a_class_that_the_student_no_longer_names_has_collapsed() -> None:
    [told] = after(student_of([[0, 1, 2] * 10, *[[0, 1, 1] * 10] * 4]), [0, 1, 2] * 10)
    assert told == (
        "class collapse: 33% of the pseudo-labels name sad, but after 4 steps the student names it for 0.0% of the "
        "clips. Raise student.diversity (now 1), or lower student.learning_rate (now 0.0001)."
    )


def test_a_class_of_few_labels_may_be_missed() -> None:
    labels = [2, 2, 2, 2] + [0, 1] * 13
    assert after(student_of([[0, 1] * 15, *[[1, 1] + [0, 1] * 14] * 4]), labels) == []


def test_clips_that_change_their_class_and_change_it_back_oscillate() -> None:
    here, there = [0, 1, 2] * 10, [0, 1, 2] * 8 + [1, 2, 0] * 2
    [told] = after(student_of([here, there] * 5), [0, 1, 2] * 10)
    assert told.startswith("oscillation: in the second half of training 20% of the clips change their class and change")
    assert told.endswith("Lower student.learning_rate (now 0.0001), or raise student.ema (now 0.999).")


def test_without_a_moving_teacher_nothing_is_said_of_its_pace() -> None:
    here, there = [0, 1, 2] * 10, [0, 1, 2] * 8 + [1, 2, 0] * 2
    settings = SETTINGS | {"teacher_refresh": "never"}
    [told] = symptoms_after(student_of([here, there] * 5), labels_of([0, 1, 2] * 10), CLASSES, settings)
    assert told.endswith("Lower student.learning_rate (now 0.0001).")


def test_clips_that_change_their_class_for_good_do_not_oscillate() -> None:
    looks = [[1] * (3 * done) + [0] * (30 - 3 * done) for done in range(11)]
    assert after(student_of(looks), [1] * 30) == []


@pytest.mark.parametrize(("agreement", "stands"), [(0.5, True), (0.95, False)])
def test_a_student_that_names_what_it_named_at_the_start_stands_still(agreement: float, stands: bool) -> None:
    """Unless it agreed with its labels anyway."""
    told = after(student_of([[0, 1, 2] * 10] * 6, agreement), [0, 1, 2] * 10)
    expected = "stagnation: after 5 steps the student names 100.0% of the clips as the classifier did that it started "
    assert [each.startswith(expected) and "Raise student.learning_rate (now" in each for each in told] == [
        True
    ] * stands


def test_a_trainer_that_did_not_look_is_not_judged() -> None:
    assert after(Student(Head.__new__(Head)), [0, 1, 2] * 10) == []


def run(head: Head, data: TrainingData, **given: Any) -> list[str]:
    settings = MIFuseSettings.model_validate({"recipe": "paper", "batch_size": 10, "teacher_refresh": "never"} | given)
    student = settings.train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None)
    return symptoms_after(student, data.labels_NC, CLASSES, settings.model_dump())


def test_a_real_run_without_diversity_loses_a_class(head: Head, data_of: Callable[..., TrainingData]) -> None:
    """All clips sound the same, so that nothing but the frequent class can be learnt."""
    labels_NC = labels_of([0] * 40 + [1] * 10)
    data = data_of(n=50, features=Means(torch.zeros(50, 2, 5)), labels_NC=labels_NC)
    given: dict[str, Any] = {"diversity": 0, "steps": 200, "learning_rate": 0.01}
    assert [told.split(" but")[0] for told in run(head, data, **given)] == [
        "class collapse: 20% of the pseudo-labels name happy,"
    ]


def test_a_real_run_with_far_too_high_a_rate_oscillates(head: Head, data_of: Callable[..., TrainingData]) -> None:
    data = data_of(n=50, labels_NC=labels_of([0, 1, 2] * 16 + [0, 1]))
    given: dict[str, Any] = {"steps": 200, "learning_rate": 0.5, "warmup": 0}
    assert any(told.startswith("oscillation: in the second half") for told in run(head, data, **given))


def test_a_real_run_with_far_too_low_a_rate_stands_still(head: Head, data_of: Callable[..., TrainingData]) -> None:
    data = data_of(n=50, labels_NC=labels_of([0, 1, 2] * 16 + [0, 1]))
    [told] = run(head, data, steps=50, learning_rate=1e-9)
    assert "stagnation: after 50 steps" in told
    assert "Raise student.learning_rate (now 1e-09), or raise student.steps (now 50)" in told


def test_a_real_run_as_it_should_be_shows_none_of_it(head: Head, data_of: Callable[..., TrainingData]) -> None:
    data = data_of(n=60)
    labels = data.features.rows(range(60)).means_BLD()[:, 0, :3].argmax(dim=-1).tolist()
    taught = data_of(n=60, features=data.features, labels_NC=labels_of(labels))
    assert run(head, taught, steps=300, learning_rate=0.01) == []
