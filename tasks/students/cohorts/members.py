"""Who is in a cohort: each member hears one representation, or none, of each modality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch


@dataclass(frozen=True)
class Representation:
    """One way to see a modality; `values_ND` are float32 and about standardised."""

    name: str
    values_ND: torch.Tensor


@dataclass(frozen=True)
class Modality:
    """Representations of the same thing.

    Attributes:
        present_N: False where a row lacks it, such as a clip without a transcript; None: all rows have it.
    """

    name: str
    representations: Sequence[Representation]
    present_N: torch.Tensor | None = None


@dataclass(frozen=True)
class Member:
    """What one member hears.

    Attributes:
        parts: (modality, representation), in the order of the modalities.
        places: Which of all representations these are, counted through all modalities.
    """

    parts: tuple[tuple[str, str], ...]
    places: tuple[int, ...]

    @property
    def name(self) -> str:
        """Tells it from all others: its first weights depend on it and not on who else is in the cohort."""
        return " + ".join(f"{modality}: {representation}" for modality, representation in self.parts)


def plan(modalities: Sequence[Modality]) -> list[Member]:
    """The Cartesian product of each modality's representations and "not at all", without the member that hears nothing.

    Raises:
        ValueError: No modality; one without representations; two of the same name; or other numbers of rows.

    >>> values = torch.zeros(3, 2)
    >>> audio = Modality("audio", [Representation("raw", values), Representation("latent", values)])
    >>> [member.name for member in plan([audio, Modality("text", [Representation("raw", values)])])]
    ['audio: raw + text: raw', 'audio: raw', 'audio: latent + text: raw', 'audio: latent', 'text: raw']
    """
    _check(modalities)
    places = iter(range(sum(len(modality.representations) for modality in modalities)))
    choices = [
        [(next(places), (modality.name, each.name)) for each in modality.representations] + [None]
        for modality in modalities
    ]
    chosen = [[one for one in combination if one is not None] for combination in product(*choices)]
    return [Member(tuple(part for _, part in one), tuple(place for place, _ in one)) for one in chosen if one]


def values_of(modalities: Sequence[Modality]) -> list[torch.Tensor]:
    """All representations' numbers, in the order of `Member.places`."""
    return [each.values_ND for modality in modalities for each in modality.representations]


def can_answer(members: Sequence[Member], modalities: Sequence[Modality]) -> torch.Tensor | None:
    """Shape (M, N): which rows have all that a member hears; None where no modality is ever missing.

    A member is never given a made-up value in the place of what is missing: it says nothing of such a row, and learns
    nothing from it.

    Raises:
        ValueError: A row without any modality.
    """
    present = {modality.name: modality.present_N for modality in modalities if modality.present_N is not None}
    if not present:
        return None
    n_rows = len(modalities[0].representations[0].values_ND)
    answers_MN = torch.ones(len(members), n_rows, dtype=torch.bool)
    for m, member in enumerate(members):
        for name, _ in member.parts:
            answers_MN[m] &= present.get(name, torch.tensor(True))
    if not answers_MN.any(dim=0).all():
        row = int((~answers_MN.any(dim=0)).nonzero()[0])
        raise ValueError(f"row {row} lacks every modality: no member can answer it. Leave such rows out.")
    return answers_MN


def _check(modalities: Sequence[Modality]) -> None:
    if not modalities:
        raise ValueError("no modality: a cohort needs at least one")
    for modality in modalities:
        names = [each.name for each in modality.representations]
        if not names or len({*names}) < len(names):
            raise ValueError(f"modality {modality.name!r} has the representations {names}: at least one, each once")
    names = [modality.name for modality in modalities]
    if len({*names}) < len(names):
        raise ValueError(f"the modalities are {names}: each name once")
    rows = [len(values_ND) for values_ND in values_of(modalities)]
    rows += [len(modality.present_N) for modality in modalities if modality.present_N is not None]
    if len({*rows}) > 1:
        raise ValueError(f"representations of {sorted({*rows})} rows: all must be of the same")
