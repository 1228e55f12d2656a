"""The teachers' draws as votes of a crowd, for the models that crowd-kit fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from tasks.contracts.errors import DrawsError, SettingsError
from tasks.fusion.base import Draws, RuleSettings
from tasks.maths.distributions import as_like, softmax
from tasks.maths.uncertainty import Array, check_draws

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

NEVER = -1e4  # log-probability of a class that nobody voted for in the corpus: the models do not know it


class CrowdSettings(RuleSettings):
    """What the rules of votes have in common. A worker of the crowd is a teacher; each draw is one vote of it.

    A teacher and not a draw's number, since the draws of one teacher are made alike: what is learned of one is true of
    all, and the models count repeated votes of one worker, as Dawid and Skene's doctors gave them. They take the votes
    of a worker to be independent given the true label, which draws are not: their posteriors are too sure.
    """

    min_draws: ClassVar[int] = 1

    def check_installed(self) -> None:
        """crowd-kit is an extra: it brings pandas and NLTK."""
        if find_spec("crowdkit") is None:
            raise SettingsError(
                f"fuse.kind {getattr(self, 'kind', '')} needs crowd-kit, which is not installed. "
                "Install it with `pip install mifuse[crowd]`, or choose another rule."
            )

    def votes(self, draws: Sequence[Draws], teachers: Sequence[str]) -> pd.DataFrame:
        """One row per valid draw: `task` (the clip's place), `worker` (the teacher's place), `label` (the class's).

        Raises:
            SettingsError: crowd-kit is not installed.
            DrawsError: No vote at all.
        """
        self.check_installed()
        import pandas as pd

        parts = []
        for t, teacher in enumerate(draws):
            here = teacher.in_numpy()
            check_draws(here.probs_NKC, here.valid_NK)
            clips, numbers = np.nonzero(here.valid_NK)
            labels = here.probs_NKC[clips, numbers].argmax(axis=1)
            parts.append(pd.DataFrame({"task": clips, "worker": t, "label": labels}))
        votes = pd.concat(parts, ignore_index=True)
        if votes.empty:
            raise DrawsError(f"no valid draw of {', '.join(teachers)}: there is nothing to vote with.")
        return votes


@dataclass(frozen=True)
class FittedVotes:
    """A crowd model in which votes are independent given the true label.

    Attributes:
        log_likelihoods_TCC: log P(teacher t votes for a class | the true class), axes: teacher, vote, truth.
        log_prior_C: log P(the true class). A class that nobody voted for when the model was fitted is
            `NEVER` true, and a vote for it says nothing: 0 for all truths.
    """

    log_likelihoods_TCC: FloatArray
    log_prior_C: FloatArray

    def posterior(self, draws: Sequence[Draws], seen_ND: Array | None = None) -> Array:
        r"""P(the true class | all votes), by Bayes' rule::

            q_nc ∝ prior_c prod_t prod_k P_t( argmax p_ntk | c )

        Returns:
            Shape (N, C). NaN where a clip has no vote.
        """
        counts_NTC = count_votes(draws)
        logs_NC = as_like(self.log_prior_C, counts_NTC[:, 0])
        for t in range(len(draws)):
            logs_NC = logs_NC + counts_NTC[:, t] @ as_like(self.log_likelihoods_TCC[t], counts_NTC)
        return where_voted(counts_NTC, softmax(logs_NC))


def count_votes(draws: Sequence[Draws]) -> Array:
    """How often each teacher votes for each class, shape (N, T, C). A tie is a vote for the first of its classes."""
    xp = array_namespace(draws[0].probs_NKC)
    counts = []
    for teacher in draws:
        probs_NKC = teacher.probs_NKC
        classes_C = as_like(np.arange(probs_NKC.shape[-1]), probs_NKC)
        named_NK1 = xp.astype(xp.argmax(probs_NKC, axis=-1), probs_NKC.dtype)[..., None]
        votes_NKC = xp.astype(named_NK1 == classes_C, probs_NKC.dtype)
        counts.append(xp.sum(votes_NKC * xp.astype(teacher.valid_NK, probs_NKC.dtype)[..., None], axis=1))
    return xp.stack(counts, axis=1)


def where_voted(counts_NTC: Array, probs_NC: Array) -> Array:
    """NaN where a clip has no vote at all."""
    xp = array_namespace(probs_NC)
    has_N1 = (xp.sum(counts_NTC, axis=(1, 2)) > 0)[:, None]
    return xp.where(has_N1, probs_NC, xp.full_like(probs_NC, xp.nan))
