"""A classifier's outputs → the pipeline's classes: renamed, joined, shared out, or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.class_map import Meaning, class_map, did_you_mean
from tasks.contracts.errors import CheckpointError


class Outputs(NamedTuple):
    """What `ClassifierConfig` holds of a head's outputs.

    Attributes:
        classes: In the order in which some output first means them.
        groups: The place of each output's class among them, None for one that is left out; no list where each output
            is a class of its own, or where there are shares.
        shares: Of each output among the classes, where one output is shared out; rows sum to 1, or to 0.
    """

    classes: list[str]
    groups: list[int | None] | None
    shares: list[list[float]] | None


def class_of_each(
    labels: Sequence[str], mapped: Mapping[str, Meaning], folder: Path, own_OK: NDArray[np.float64] | None = None
) -> Outputs:
    """What each output means.

    Args:
        labels: What the classifier knows, K of them.
        mapped: What each means, as in `tasks.contracts.class_map`.
        folder: Where they are from.
        own_OK: Shares of the classifier's own outputs among its labels, where they are not one each.

    Raises:
        CheckpointError: A label that the classifier does not have, or none that is not left out.

    >>> class_of_each(["ang", "hap", "exc", "oth"], {"ang": "angry", "exc": "hap", "oth": None}, Path())
    Outputs(classes=['angry', 'hap'], groups=[0, 1, 1, None], shares=None)
    >>> class_of_each(["sad", "ang"], {"ang": "angry"}, Path())
    Outputs(classes=['sad', 'angry'], groups=None, shares=None)
    >>> class_of_each(["sad", "low"], {"low": {"sad": 1, "neutral": 3}}, Path()).shares
    [[1.0, 0.0], [0.25, 0.75]]
    """
    if unknown := [label for label in mapped if label not in labels]:
        raise CheckpointError(
            f"{folder}: the classifier has no label {', '.join(unknown)}. Its labels are {', '.join(labels)}."
            + did_you_mean(unknown[0], labels, else_known=False)
        )
    if all(label in mapped and mapped[label] is None for label in labels):
        raise CheckpointError(f"{folder}: `labels` leaves out all of {', '.join(labels)}. Give classes for them.")
    found = class_map(labels, mapped)
    shares_OC = found.shares_OC if own_OK is None else own_OK @ found.shares_OC
    return _simplest(list(found.classes), shares_OC)


def own_shares(config_outputs: Outputs) -> NDArray[np.float64]:
    """A classifier's own outputs as shares among its classes, shape (outputs, classes).

    >>> own_shares(Outputs(["happy", "sad"], [1, None, 0], None)).tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
    """
    classes, groups, shares = config_outputs
    if shares is not None:
        return np.array(shares, dtype=np.float64)
    places = list(range(len(classes))) if groups is None else groups
    found = np.zeros((len(places), len(classes)))
    for n, place in enumerate(places):
        if place is not None:
            found[n, place] = 1.0
    return found


def _simplest(classes: list[str], shares_OC: NDArray[np.float64]) -> Outputs:
    if not np.isin(shares_OC, (0.0, 1.0)).all():
        return Outputs(classes, None, shares_OC.tolist())
    groups = [int(row_C.argmax()) if row_C.any() else None for row_C in shares_OC]
    return Outputs(classes, None if groups == list(range(len(classes))) else groups, None)
