"""Votes of workers who either know or answer by habit: a competence and habits per teacher, found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tasks.fusion.base import Draws
from tasks.fusion.votes import NEVER, CrowdSettings, FittedVotes
from tasks.maths.uncertainty import Array


class MACERule(CrowdSettings):
    """`fuse: {kind: mace}`."""

    kind: Literal["mace"] = "mace"

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedVotes:
        r"""Competence and habits by variational expectation-maximisation::

            P_t(vote | truth) = competence_t [vote = truth] + (1 - competence_t) habit_t,vote      all classes alike

        Hovy et al. 2013 (NAACL, N13-1132), by crowd-kit. Its variational probabilities do not quite sum to 1.
        """
        # crowd-kit counts habits per label in the order of the labels, but reads them in the order in which labels
        # first occur: so votes are put in order, and what it is given is numbered in that order.
        votes = self.votes(draws, teachers).sort_values(["label", "worker", "task"], ignore_index=True)
        import pandas as pd
        from crowdkit.aggregation import MACE

        worker_M, workers = pd.factorize(votes["worker"])
        label_M, labels = pd.factorize(votes["label"])
        numbered = votes.assign(worker=worker_M, label=label_M)
        model: Any = MACE(n_restarts=1).fit(numbered)  # its restarts all begin with the same random numbers
        n_classes = draws[0].probs_NKC.shape[-1]
        chances_TVC = model.spamming_[:, 1, None, None] * np.eye(len(labels))
        chances_TVC = chances_TVC + (model.spamming_[:, 0, None] * model.thetas_)[..., None]
        log_likelihoods_TCC = np.zeros((len(draws), n_classes, n_classes))
        log_likelihoods_TCC[np.ix_(workers, labels, labels)] = np.log(chances_TVC)
        log_prior_C = np.full(n_classes, NEVER)
        log_prior_C[labels] = -np.log(n_classes)
        return FittedVotes(log_likelihoods_TCC, log_prior_C)
