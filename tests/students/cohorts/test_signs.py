"""A cohort that was not worth its cost says so, and one that was says nothing."""

from dataclasses import replace

import pytest
import torch

from tasks.students.cohorts.cohort import Cohort
from tasks.students.cohorts.course import Course, Lesson
from tasks.students.cohorts.losses import Task, task_losses
from tasks.students.cohorts.signs import difference, signs
from tests.students.cohorts.toys import N, course, lesson

NAMES = [member.name for member in lesson().members]


def cohort_of(asked: Course, of: Lesson, outputs_MNC: torch.Tensor, answers_NC: torch.Tensor) -> Cohort:
    rows_V = of.validation_R
    losses_M = task_losses(asked.task, outputs_MNC[:, rows_V], of.target_NC[rows_V]).mean(dim=1)
    nothing = torch.zeros(len(outputs_MNC))
    return Cohort(of.members, losses_M, nothing.long(), {0.0: losses_M}, 0.0, nothing, outputs_MNC, answers_NC)


def right_but_for(noise_M: list[float], n_outputs: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    noise_MNC = torch.randn(len(noise_M), N, n_outputs, generator=generator)
    return lesson().target_NC + torch.tensor(noise_M)[:, None, None] * noise_MNC


def told(outputs_MNC: torch.Tensor, answers_NC: torch.Tensor | None = None, of: Lesson | None = None) -> list[str]:
    asked, of = course(), of or lesson()
    answers_NC = outputs_MNC.mean(dim=0) if answers_NC is None else answers_NC
    return signs(asked, of, cohort_of(asked, of, outputs_MNC, answers_NC))


def of_those(several: float, single: float) -> list[float]:
    return [several if " + " in name else single for name in NAMES]


def test_nothing_is_said_of_a_cohort_that_helps() -> None:
    assert told(right_but_for(of_those(several=0.5, single=1.0))) == []


def test_students_all_alike_are_told() -> None:
    outputs_MNC = right_but_for([1.0])[0] + 0.001 * right_but_for(of_those(0.5, 1.0))
    [sentence] = told(outputs_MNC, torch.zeros(N, 1) + lesson().target_NC)
    assert sentence.startswith("students all alike: the mean over the cohort's members is without only 0.0% of their")


def test_an_ensemble_below_its_best_member_is_told() -> None:
    outputs_MNC = right_but_for(of_those(several=0.5, single=1.0))
    [sentence] = told(outputs_MNC, lesson().target_NC + 2)
    assert sentence.startswith("the ensemble is worse than its best single member: validation loss 4, but 0.1")


def test_more_modalities_that_are_worse_than_one_are_told() -> None:
    [sentence] = told(right_but_for(of_those(several=1.0, single=0.5)))
    assert sentence.startswith("more modalities are worse than one: validation loss")


def test_a_difference_within_chance_is_not_told() -> None:
    outputs_MNC = right_but_for(of_those(several=0.5, single=0.5))
    assert told(outputs_MNC) == []


def test_members_are_compared_on_rows_that_both_can_answer() -> None:
    """Rows without the second modality are easy; on the others the two modalities together are better."""
    of = lesson(missing=True)
    assert of.can_MN is not None
    easy_N = ~of.can_MN[0]
    outputs_MNC = right_but_for(of_those(several=0.5, single=1.0)).where(~easy_N[:, None], lesson().target_NC)
    assert told(outputs_MNC, of=of) == []


def test_rows_that_only_one_of_both_can_answer_hide_nothing() -> None:
    """On rows without the second modality the first alone is far off; on the others it is better than both together."""
    of = lesson(missing=True)
    assert of.can_MN is not None
    alone_M1 = torch.tensor([name.startswith("x") and " + " not in name for name in NAMES])[:, None]
    outputs_MNC = right_but_for([1.0 if " + " in name else 0.5 if name.startswith("x") else 2.0 for name in NAMES])
    lacks_1N = ~of.can_MN[0][None]
    target_NC = lesson().target_NC
    outputs_MNC = outputs_MNC.where(~lacks_1N[..., None], target_NC + 1.5 * alone_M1[..., None])
    [sentence] = told(outputs_MNC, target_NC, of)
    assert sentence.startswith("more modalities are worse than one")
    assert told(outputs_MNC, target_NC, replace(of, can_MN=None)) == []  # the same numbers over all rows


@pytest.mark.parametrize(("other", "expected"), [(0, 0.0), (1, 2 / 3)])
def test_how_much_three_members_differ_by_hand(other: int, expected: float) -> None:
    """One of three names another class: two of the three pairs differ."""
    outputs_MVC = torch.eye(2)[torch.tensor([0, 0, other])][:, None]
    assert difference("classes", outputs_MVC, torch.ones(3, 1)) == pytest.approx(expected)


def test_of_numbers_it_is_the_share_of_the_error_that_the_mean_is_without() -> None:
    """0 and 2 for a true 0: mean error 2, the mean's error 1."""
    outputs_MVC = torch.tensor([[[0.0]], [[2.0]]])
    task: Task = "regression"
    assert difference(task, outputs_MVC, task_losses(task, outputs_MVC, torch.zeros(1, 1))) == 0.5
