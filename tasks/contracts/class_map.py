"""Labels of a teacher → classes of the pipeline: renamed, joined, shared out among several, or left out."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag

# A draw that says "none of these" so clearly has no word on the classes: what the rest of its mass says of them would
# be made a hundred times as loud as it was meant, and mutual information of such draws would be that of noise.
MOST_UNMAPPED = 0.99

_Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _tag(given: Any) -> str:
    return "no class" if given is None else "several classes" if isinstance(given, dict) else "one class"


# What one label means: a class; several with weights, of which the proportions count; or none of the classes.
Meaning = Annotated[
    Annotated[str, Tag("one class")]
    | Annotated[dict[str, _Weight], Field(min_length=1), Tag("several classes")]
    | Annotated[None, Tag("no class")],
    Discriminator(_tag),
]
Labels = dict[str, Meaning]


@dataclass(frozen=True)
class Mapped:
    """Distributions after a map.

    Attributes:
        probs: Shape (..., C); each sums to 1, or is 0 throughout where `answers` is false.
        unmapped: Shape (...), within [0, 1]: the mass on labels that are left out.
    """

    probs: NDArray[np.float64]
    unmapped: NDArray[np.float64]

    @property
    def answers(self) -> NDArray[np.bool_]:
        """Whether enough is left to say something of the classes, shape (...)."""
        return self.unmapped <= MOST_UNMAPPED


@dataclass(frozen=True)
class ClassMap:
    """A teacher's labels and what each means.

    Attributes:
        labels: O of them, in the order of the teacher's numbers.
        classes: C of them. One that no label means has probability 0 throughout.
        shares_OC: Of each label's mass; a row sums to 1, or to 0 where the label is left out.
    """

    labels: tuple[str, ...]
    classes: tuple[str, ...]
    shares_OC: NDArray[np.float64]

    def applied(self, probs: NDArray[np.float64]) -> Mapped:
        r"""Distributions over the labels → over the classes::

            unmapped = sum of p_o over the labels that are left out
            p_c = sum_o p_o share_oc / (1 - unmapped)

        Args:
            probs: Shape (..., O); each sums to 1.

        >>> both = class_map(["angry", "calm", "other"], {"calm": {"neutral": 3, "sad": 1}, "other": None})
        >>> found = both.applied(np.array([0.1, 0.4, 0.5]))
        >>> both.classes, found.probs.round(3).tolist(), found.unmapped.item()
        (('angry', 'neutral', 'sad'), [0.2, 0.6, 0.2], 0.5)
        """
        columns: list[Any] = [np.zeros(probs.shape[:-1]) for _ in self.classes]
        # Not a matrix product: its last bits depend on how many rows there are.
        for label, c in zip(*np.nonzero(self.shares_OC), strict=True):
            columns[c] = columns[c] + self.shares_OC[label, c] * probs[..., label]
        unmapped = np.zeros(probs.shape[:-1])
        for label in np.flatnonzero(self.shares_OC.sum(axis=1) == 0):
            unmapped = unmapped + probs[..., label]
        mapped = np.stack(columns, axis=-1)
        if self._is_order:
            return Mapped(mapped, unmapped)
        total = mapped.sum(axis=-1, keepdims=True)
        says = (unmapped <= MOST_UNMAPPED)[..., None] & (total > 0)
        return Mapped(np.where(says, mapped / np.where(total > 0, total, 1.0), 0.0), np.minimum(unmapped, 1.0))

    @property
    def _is_order(self) -> bool:
        """Whether each label is a class of its own: its numbers then stay as they are, to the last bit."""
        return bool(((self.shares_OC == 1).sum(axis=1) == 1).all() and (self.shares_OC.sum(axis=0) <= 1).all())


def meanings(labels: Sequence[str], mapped: Mapping[str, Meaning]) -> list[dict[str, float]]:
    """What each label means, as shares that sum to 1; none for one that is left out.

    >>> meanings(["happy", "calm", "other"], {"calm": {"neutral": 4, "sad": 1}, "other": None})
    [{'happy': 1.0}, {'neutral': 0.8, 'sad': 0.2}, {}]
    """
    return [_shares(mapped.get(label, label)) for label in labels]


def _shares(meaning: Meaning) -> dict[str, float]:
    if meaning is None:
        return {}
    if isinstance(meaning, str):
        return {meaning: 1.0}
    total = sum(meaning.values())
    return {name: weight / total for name, weight in meaning.items()}


def class_map(
    labels: Sequence[str], mapped: Mapping[str, Meaning] = {}, classes: Sequence[str] | None = None
) -> ClassMap:
    """The map of these labels.

    Args:
        labels: The teacher's.
        mapped: What they mean; a label that is not named here keeps its own name.
        classes: The pipeline's; without, those that some label means, as they first appear.

    Raises:
        ValueError: A label means a class that is not among `classes`, or none means any.
    """
    meant = meanings(labels, mapped)
    named = list(dict.fromkeys(name for shares in meant for name in shares))
    order = named if classes is None else list(classes)
    if not named or not set(named) <= set(order):
        raise ValueError(
            f"labels {', '.join(labels)} mean {', '.join(named) or 'nothing'}; expected {', '.join(order)}"
        )
    shares_OC = np.zeros((len(labels), len(order)))
    for n, shares in enumerate(meant):
        for name, share in shares.items():
            shares_OC[n, order.index(name)] = share
    return ClassMap(tuple(labels), tuple(order), shares_OC)


def mistakes_in_labels(
    mapped: Mapping[str, Meaning], lacks: Collection[str], classes: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """What can be wrong with a declared map whatever the teacher's labels are: the setting and a sentence."""
    for label, meaning in mapped.items():
        for name in _shares(meaning):
            if name not in classes:
                yield f"labels.{label}", f'"{name}" is no class of the pipeline.{did_you_mean(name, classes)}'
            elif name in lacks:
                yield "lacks", f'"{name}" is what labels.{label} means, so the teacher knows it; take one of them out'
    for name in lacks:
        if name not in classes:
            yield "lacks", f'"{name}" is no class of the pipeline.{did_you_mean(name, classes)}'
    if len(set(lacks)) < len(lacks):
        yield "lacks", f"names a class twice: {', '.join(lacks)}"
    if lacks and set(classes) <= set(lacks):
        yield "lacks", "names every class of the pipeline; a teacher that knows none teaches nothing"


def told_unmapped(unmapped_N: NDArray[np.float64], *, of: str = " of the mass maps to no class") -> str | None:
    """How much of a teacher's mass means no class, in words; None where it is nothing.

    >>> told_unmapped(np.array([0.0, 0.6]))
    '30 % of the mass maps to no class, more than half of it in 1 clip'
    >>> told_unmapped(np.array([0.0]))

    Args:
        unmapped_N: Of each clip, the mean over its draws; NaN where there is none.
        of: What it is a share of; "" where that is said already.
    """
    known_N = unmapped_N[~np.isnan(unmapped_N)]
    if not known_N.any():
        return None
    share, most = 100 * known_N.mean(), int((known_N > 0.5).sum())
    told = f"{share:.0f} %" if share >= 1 else "less than 1 %"
    clips = f", more than half of it in {most:,} clip{'s' * (most != 1)}" if most else ""
    return f"{told}{of}{clips}"


def did_you_mean(name: str, known: Sequence[str], *, else_known: bool = True) -> str:
    """The nearest; where none is near, all of them."""
    if close := difflib.get_close_matches(name, known, n=1):
        return f' Did you mean "{close[0]}"?'
    return f" Known: {', '.join(known)}." if else_known else ""
