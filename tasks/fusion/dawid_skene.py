"""Votes of workers who confuse classes, each in its own way: a confusion matrix per teacher, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tasks.fusion.base import Draws
from tasks.fusion.votes import NEVER, CrowdSettings, FittedVotes
from tasks.maths.uncertainty import Array


class DawidSkeneRule(CrowdSettings):
    """`fuse: {kind: dawid_skene}`."""

    kind: Literal["dawid_skene"] = "dawid_skene"

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedVotes:
        r"""Confusion matrices and class prior by expectation-maximisation from the majority of the votes.

        P_t(vote | truth) is a free C x C matrix per teacher. Dawid and Skene 1979 (doi:10.2307/2346806), by crowd-kit.
        """
        votes = self.votes(draws, teachers)
        from crowdkit.aggregation import DawidSkene

        model: Any = DawidSkene().fit(votes)
        n_classes = draws[0].probs_NKC.shape[-1]
        log_likelihoods_TCC = np.zeros((len(draws), n_classes, n_classes))
        truths = model.errors_.columns.to_numpy(dtype=int)
        for (worker, vote), chances in zip(model.errors_.index, model.errors_.to_numpy(), strict=True):
            log_likelihoods_TCC[worker, vote, truths] = np.log(chances)
        log_prior_C = np.full(n_classes, NEVER)
        log_prior_C[model.priors_.index.to_numpy(dtype=int)] = np.log(model.priors_.to_numpy())
        return FittedVotes(log_likelihoods_TCC, log_prior_C)
