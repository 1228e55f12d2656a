"""Early and late fusion by as many networks as the cohort's training would pay for.

Equal budget means equal training: as many multiplications as the cohort spends in all its phases, for networks of the
members' shape and over as many epochs. All these networks differ by chance alone and answer together, by their mean.
That is the fair rival, since averaging alone lowers an error: the cohort must be better, or as good, by knowing more
than one way to fuse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.meta_fusion.representations import as_tensor
from bench.meta_fusion.settings import ROWS, Array, standardised
from tasks.students.cohorts.members import Member, Modality, Representation
from tasks.students.cohorts.stack import HIDDEN


def n_networks(members: Sequence[Member], widths: Sequence[int], dims: Sequence[int], phases: int) -> int:
    """How many early networks cost what the cohort costs; late ones, of one network per modality, cost nearly as much.

    Args:
        members: Of the cohort.
        widths: Of all representations, by the members' places.
        dims: Features of each modality.
        phases: How often the cohort is trained: alone, and with each ρ.
    """
    cohort = phases * sum(_multiplications(sum(widths[place] for place in member.places)) for member in members)
    return max(1, round(cohort / _multiplications(sum(dims))))


def _multiplications(n_in: int) -> int:
    """For one row."""
    return n_in * HIDDEN[0] + HIDDEN[0] * HIDDEN[1] + HIDDEN[1]


def early(values: Sequence[Array], n: int) -> Modality:
    """All features beside each other, heard by `n` networks: a cohort over this has `n` members."""
    return repeated("early", np.concatenate(values, axis=1), n)


def repeated(name: str, values_ND: Array, n: int) -> Modality:
    """One modality that pretends to have `n` representations, so that `n` networks of other first weights hear it."""
    seen_ND = as_tensor(standardised(values_ND, ROWS["train"]))
    return Modality(name, [Representation(f"network {i}", seen_ND) for i in range(n)])
