"""Which draws a table needs: the same for every clip, or more only where a decider says that they may still matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.teachers.answers_table import AnswersTable
from tasks.teachers.paid import AdaptiveDraws
from tasks.teachers.wanted import Asking, Wanted

# (the clips' sha256, their draws so far (N, K, C), which are valid (N, K)) → who needs another draw, (N,)
Decider = Callable[[Sequence[str], NDArray[np.float64], NDArray[np.bool_]], NDArray[np.bool_]]


@dataclass
class Rounds:
    """First the draws that every clip gets, then one at a time for the clips that are still open.

    A clip's draws depend on its own answers and the classifier's draws of it alone, so that a run which was cut off,
    or finds all answers stored, comes to the same table.
    """

    asking: Asking
    answered: AnswersTable
    decide: Decider | None  # None: every clip gets the same number

    def ask(self, clips: pl.DataFrame, ask: Callable[[list[Wanted]], None]) -> list[Wanted]:
        """Every draw that the table is to hold, by clip and number; each round is given to `ask` first."""
        teacher = self.asking.teacher
        wanted = self.asking.wanted(clips, range(teacher.least_draws))
        ask(wanted)
        for draw in range(teacher.least_draws, teacher.most_draws):
            clips = clips.filter(pl.Series(self._open(clips, draw), dtype=pl.Boolean))
            more = self.asking.wanted(clips, [draw])
            ask(more)
            wanted += more
        return sorted(wanted, key=lambda want: (want.sha256, want.draw))

    def missing(self, clips: pl.DataFrame, stored: Callable[[str], bool]) -> tuple[list[Wanted], list[Wanted]]:
        """Without asking: the draws that will be asked for sure, and those that may follow: all, without a decider."""
        teacher = self.asking.teacher
        sure, possible = [], []
        first = self.asking.wanted(clips, range(teacher.least_draws))
        sure += [want for want in first if not stored(want.key)]
        unknown = {want.sha256 for want in sure} if self.decide else set(clips["sha256"])
        for draw in range(teacher.least_draws, teacher.most_draws):
            known = ~clips["sha256"].is_in(list(unknown))
            possible += [w for w in self.asking.wanted(clips.filter(~known), [draw]) if not stored(w.key)]
            clips_known = clips.filter(known)
            open_ = clips_known.filter(pl.Series(self._open(clips_known, draw), dtype=pl.Boolean))
            asked = [want for want in self.asking.wanted(open_, [draw]) if not stored(want.key)]
            sure += asked
            unknown |= {want.sha256 for want in asked}
            clips = pl.concat([clips.filter(~known), open_])
        return sure, possible

    def _open(self, clips: pl.DataFrame, draws: int) -> NDArray[np.bool_]:
        if not clips.height:
            return np.zeros(0, dtype=bool)
        assert isinstance(self.asking.teacher.draws, AdaptiveDraws)
        assert self.decide is not None
        probs_NKC, valid_NK = self.answered.arrays(self.asking.by_clip(clips, draws))
        return self.decide(clips["sha256"].to_list(), probs_NKC, valid_NK)
