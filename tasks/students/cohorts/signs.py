"""Signs that a cohort was not worth its cost, told with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from tasks.students.cohorts.cohort import Cohort
from tasks.students.cohorts.course import Course, Lesson
from tasks.students.cohorts.losses import Task, task_losses

# An ensemble can differ from a member only where members differ among each other: below this part of the rows (of the
# error, for numbers: Krogh & Vedelsby 1995) it gains less than a validation set of usual size can show.
_ALIKE = 0.02
_STANDARD_ERRORS = 2


def signs(course: Course, lesson: Lesson, cohort: Cohort) -> list[str]:
    """What the validation rows say of the cohort; nothing where all is well."""
    rows_V = lesson.validation_R
    target_VC, outputs_MVC = lesson.target_NC[rows_V], cohort.outputs_MNC[:, rows_V]
    can = lesson.can(rows_V)
    can_MV = torch.ones(outputs_MVC.shape[:2], dtype=torch.bool) if can is None else can
    losses_MV = task_losses(course.task, outputs_MVC, target_VC)
    answer_V = task_losses(course.task, cohort.answers_NC[rows_V][None], target_VC)[0]
    return [
        *_alike(course.task, outputs_MVC, losses_MV, can_MV),
        *_below_the_best(cohort, losses_MV, answer_V, can_MV),
        *_more_is_less(cohort, losses_MV, can_MV),
    ]


def difference(
    task: Task, outputs_MVC: torch.Tensor, losses_MV: torch.Tensor, can_MV: torch.Tensor | None = None
) -> float:
    r"""How much the members differ from each other, within [0, 1].

    For classes the share of rows for which two members name different classes, mean over the pairs. For numbers the
    part of the members' mean error that averaging takes away::

        E_V Var_M f / E_V E_M (f - y)^2

    Krogh & Vedelsby 1995 (NIPS 7). Only rows that more than one member can answer count, and only those who can.
    """
    can_MV = torch.ones(losses_MV.shape, dtype=torch.bool, device=losses_MV.device) if can_MV is None else can_MV
    count_V = can_MV.sum(dim=0)
    if task == "regression":
        weights_MV = can_MV / count_V
        mean_VC = (weights_MV[..., None] * outputs_MVC).sum(dim=0)
        spread_V = (weights_MV * (outputs_MVC - mean_VC).square().mean(dim=-1)).sum(dim=0)
        error = (weights_MV * losses_MV).sum(dim=0)[count_V > 1].mean().item()
        return spread_V[count_V > 1].mean().item() / error if error > 0 else 0.0
    named_MVC = torch.nn.functional.one_hot(outputs_MVC.argmax(dim=-1), outputs_MVC.shape[-1]) * can_MV[..., None]
    named_VC = named_MVC.sum(dim=0)
    pairs_V = count_V * (count_V - 1)
    alike_V = (named_VC * (named_VC - 1)).sum(dim=-1)
    return (1 - alike_V[pairs_V > 0] / pairs_V[pairs_V > 0]).mean().item()


def _alike(task: Task, outputs_MVC: torch.Tensor, losses_MV: torch.Tensor, can_MV: torch.Tensor) -> list[str]:
    if not (can_MV.sum(dim=0) > 1).any():
        return []
    found = difference(task, outputs_MVC, losses_MV, can_MV)
    if found >= _ALIKE:
        return []
    what = (
        f"two members of the cohort name different classes for only {found:.1%} of the validation clips"
        if task == "classes"
        else f"the mean over the cohort's members is without only {found:.1%} of their error"
    )
    return [
        f"students all alike: {what}, so that an ensemble of them is little more than one of them. Give "
        "student.representations that differ more, such as a text encoder or another speech encoder."
    ]


def _below_the_best(cohort: Cohort, losses_MV: torch.Tensor, answer_V: torch.Tensor, can_MV: torch.Tensor) -> list[str]:
    best = _best(range(len(cohort.members)), cohort, lambda m: bool(can_MV[m].all()))
    if best is None or not _is_worse(answer_V, losses_MV[best]):
        return []
    return [
        f"the ensemble is worse than its best single member: validation loss {answer_V.mean():.4g}, but "
        f"{losses_MV[best].mean():.4g} of {cohort.members[best].name!r}. Representations that say little pull it down: "
        "take some out of student.representations (`cohort.parquet` has each member's loss)."
    ]


def _more_is_less(cohort: Cohort, losses_MV: torch.Tensor, can_MV: torch.Tensor) -> list[str]:
    parts = [len(member.parts) for member in cohort.members]
    single = _best(range(len(parts)), cohort, lambda m: parts[m] == 1)
    several = _best(range(len(parts)), cohort, lambda m: parts[m] > 1)
    if single is None or several is None:
        return []
    both_V = can_MV[single] & can_MV[several]  # losses over different clips say nothing of each other
    if not _is_worse(losses_MV[several, both_V], losses_MV[single, both_V]):
        return []
    alone, together = losses_MV[single, both_V].mean(), losses_MV[several, both_V].mean()
    return [
        f"more modalities are worse than one: validation loss {together:.4g} of {cohort.members[several].name!r}, but "
        f"{alone:.4g} of {cohort.members[single].name!r} alone. The other modalities may contradict it: try without "
        "them in student.representations."
    ]


def _is_worse(losses_V: torch.Tensor, than_V: torch.Tensor) -> bool:
    """By more than chance: the best was chosen by these rows, and the difference is taken row by row."""
    if len(losses_V) < 2:
        return False
    apart_V = (losses_V - than_V).double()
    return bool(apart_V.mean() > _STANDARD_ERRORS * apart_V.std() / len(apart_V) ** 0.5)


def _best(among: Sequence[int], cohort: Cohort, fits: Callable[[int], bool]) -> int | None:
    return min((m for m in among if fits(m)), key=lambda m: float(cohort.losses_M[m]), default=None)
