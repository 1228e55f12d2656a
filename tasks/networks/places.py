"""Where classes lie among the outputs of a regression, such as valence and arousal: numbers → class logits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from tasks.contracts.settings import Settings

Finite = Annotated[float, Field(allow_inf_nan=False)]


def told_apart(at: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The same. Raises ValueError for fewer than two classes, other dimensions for each, or two at one place."""
    if len(at) < 2:
        raise ValueError(f"expected places of at least two classes, got {', '.join(at) or 'none'}")
    first, names = next(iter(at.items()))
    for name, place in at.items():
        if not place or place.keys() != names.keys():
            raise ValueError(
                f"{name} is placed by {', '.join(place) or 'no dimension'}, {first} by "
                f"{', '.join(names) or 'no dimension'}; expected the same dimensions for each class"
            )
    for one, other in combinations(at, 2):
        if at[one] == at[other]:
            raise ValueError(f"{one} and {other} are at one place, so no clip could tell them apart")
    return at


PlacesOfClasses = Annotated[dict[str, dict[str, Finite]], AfterValidator(told_apart)]


class Places(Settings):
    """A place for each class, and how far around it a clip still counts."""

    at: PlacesOfClasses
    spread: float = Field(gt=0, allow_inf_nan=False)

    @property
    def dimensions(self) -> list[str]:
        """By which each class is placed."""
        return sorted(next(iter(self.at.values())))

    def as_layer(self, outputs: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        r"""Weights (C, D) and bias (C,) of a linear layer after the regression's D outputs x that gives class logits.

        A class's probability falls with the distance of x from its place μ_c, over the named dimensions alone::

            p_c ∝ exp(-|x - μ_c|² / (2 spread²)) ∝ exp(x·μ_c / spread² - |μ_c|² / (2 spread²))

        since |x|² is the same for all classes: the posterior of normal distributions of one variance around the
        places, each class as frequent as the others.

        >>> places = Places(at={"angry": {"arousal": 1.0}, "sad": {"arousal": 0.0}}, spread=0.5)
        >>> weights, bias = places.as_layer(["arousal", "valence"])
        >>> weights.tolist(), (bias + 0).tolist()
        ([[4.0, 0.0], [0.0, 0.0]], [-2.0, 0.0])
        """
        at_CD = np.array([[place.get(name, 0.0) for name in outputs] for place in self.at.values()])
        return at_CD / self.spread**2, -(at_CD**2).sum(axis=1) / (2 * self.spread**2)


def how_to_place(dimensions: Sequence[str]) -> str:
    """What to write at the teacher."""
    place = "{" + ", ".join(f"{name}: 0.5" for name in dimensions) + "}"
    return (
        f"a regression checkpoint; its outputs are {', '.join(dimensions)}, not classes. Say at the teacher where each "
        f"class lies among them, on the checkpoint's own scale, and how far around it a clip still counts: "
        f"`places: {{angry: {place}, …}}` and `spread: 0.15`."
    )
