"""One teacher alone, as if the others had not been asked: the LALM-only and classifier-only baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from array_api_compat import array_namespace

from tasks.fusion.base import Draws, RuleSettings, normalise, stack
from tasks.maths.uncertainty import Array


class SingleRule(RuleSettings):
    """`fuse: {kind: single, teacher: lalm}`."""

    kind: Literal["single"] = "single"
    teacher: str

    min_draws: ClassVar[int] = 1

    def counts(self, teacher: str) -> bool:
        """Only the chosen one."""
        return teacher == self.teacher

    def named_teachers(self) -> dict[str, str]:
        """The chosen one."""
        return {"teacher": self.teacher}

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedSingle:
        """Finds the teacher's place in the order of the teachers."""
        if self.teacher not in teachers:
            raise ValueError(f'no teacher "{self.teacher}" to fuse from; the teachers are {", ".join(teachers)}')
        return FittedSingle(list(teachers).index(self.teacher))


@dataclass(frozen=True)
class FittedSingle:
    chosen: int

    def weights(self, draws: Sequence[Draws]) -> Array:
        """1 for the chosen teacher where it answered, else 0: such a clip stays without a label. Shape (N, T)."""
        usable_NT = stack([teacher.enough_N(1) for teacher in draws])
        xp = array_namespace(usable_NT)
        score_T = xp.asarray([float(t == self.chosen) for t in range(len(draws))], dtype=draws[0].probs_NKC.dtype)
        return normalise(xp.broadcast_to(score_T, usable_NT.shape), usable_NT)
