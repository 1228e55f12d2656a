"""What a cohort learns from, and how it is to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tasks.students.cohorts.losses import Task
from tasks.students.cohorts.members import Member, Modality, can_answer, plan, values_of


@dataclass(frozen=True)
class Course:
    """How the cohort learns: Adam, one batch for all, the weights of the best look kept.

    Attributes:
        task: Distributions over classes, or numbers.
        steps: Of each phase.
        look_every: After so many steps the validation loss is looked at.
        rhos: How strongly the best members teach, to choose from; 0, which is always tried, is not among them.
        clusters: So many, in the place of the best number by silhouette.
        everyone_teaches: Not the top cluster alone.
        prune: The share of the members that cannot enter the ensemble.
    """

    task: Task
    steps: int = 400
    look_every: int = 20
    rhos: Sequence[float] = (0.99, 3.0)
    batch_size: int = 64
    learning_rate: float = 1e-3
    clusters: int | None = None
    everyone_teaches: bool = False
    prune: float = 0.2
    seed: int = 0

    @property
    def all_steps(self) -> int:
        """Of all phases; the first, in which everybody learns alone, is also the one of rho = 0."""
        return self.steps * (1 + len(self.rhos))


@dataclass(frozen=True)
class Lesson:
    """N rows as the members hear them.

    Attributes:
        members: Who hears.
        values: All representations, each (N, D).
        target_NC: Distributions or numbers; those of rows in neither part are not read.
        train_R: Places of the rows to learn from.
        validation_R: Of the rows to choose by.
        can_MN: Who can answer which row; None: everybody every row.
    """

    members: Sequence[Member]
    values: Sequence[torch.Tensor]
    target_NC: torch.Tensor
    train_R: torch.Tensor
    validation_R: torch.Tensor
    can_MN: torch.Tensor | None

    def can(self, rows_B: torch.Tensor) -> torch.Tensor | None:
        """Who can answer these rows, shape (M, B)."""
        return None if self.can_MN is None else self.can_MN[:, rows_B]

    def heard(self, rows_B: torch.Tensor) -> list[torch.Tensor]:
        """All that is to be heard of these rows."""
        return [values_ND.index_select(0, rows_B) for values_ND in self.values]


def lesson_of(
    modalities: Sequence[Modality],
    target_NC: torch.Tensor,
    train_R: torch.Tensor,
    validation_R: torch.Tensor,
    members: Sequence[Member] | None = None,
) -> Lesson:
    """The lesson of these members; of all that `plan` finds when None.

    Raises:
        ValueError: As `plan`; a part without rows; a row in both parts; or a member with nothing to learn from or to
            be judged by, since all such rows lack what it hears.
    """
    members = plan(modalities) if members is None else members
    can_MN = can_answer(members, modalities)
    for name, rows_R in (("train", train_R), ("validation", validation_R)):
        if not len(rows_R):
            raise ValueError(f"no {name} rows: a cohort needs rows to learn from and others to choose by")
        if can_MN is not None and not (found_M := can_MN[:, rows_R].any(dim=1)).all():
            member = members[int((~found_M).nonzero()[0])]
            raise ValueError(f"no {name} row has all that the member {member.name!r} hears. Leave the modality out.")
    if len(both := set(train_R.tolist()) & set(validation_R.tolist())):
        raise ValueError(f"rows {sorted(both)[:5]} are both learnt from and chosen by: a row may be in one part only")
    values = values_of(modalities)
    values = [
        values_ND.where(present_N[:, None], 0)
        for values_ND, present_N in zip(values, _present(modalities), strict=True)
    ]
    return Lesson(members, values, target_NC, train_R, validation_R, can_MN)


def _present(modalities: Sequence[Modality]) -> list[torch.Tensor]:
    """Of each representation. What is not there may be stored as anything, NaN included, and 0 * NaN is NaN."""
    return [
        torch.tensor([True]) if modality.present_N is None else modality.present_N
        for modality in modalities
        for _ in modality.representations
    ]
