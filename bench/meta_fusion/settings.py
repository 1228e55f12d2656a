"""Synthetic data of two or more modalities, from latents that are their own or shared (arXiv 2507.20089)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Form = Literal["linear", "quadratic"]

ROWS = {"train": slice(0, 1280), "validation": slice(1280, 1600), "test": slice(1600, 2000)}
_N = 2000


@dataclass(frozen=True)
class Setting:
    """Where the answer comes from. The paper's product of two modalities' latents is in none of its three settings
    that we take, so it is not here.

    Attributes:
        name: As in the paper, or what was changed.
        dims: Features of each modality.
        own: Latents that only this modality shows.
        shared: Latents that all modalities show.
        noise: Share of noise in each modality's features, r_m.
        own_form: How the answer depends on the modalities' own latents; None: not at all.
        shared_form: The same for the shared ones.
        contradicting: Share of the rows in which the last modality shows the shared latents with the sign turned.
        only_in_test: Whether it does so in the test rows alone, which nobody can see coming.
        unrelated: Whether the last modality shows latents of nobody in the place of the shared ones.
    """

    name: str
    dims: tuple[int, ...]
    own: tuple[int, ...]
    shared: int
    noise: tuple[float, ...]
    own_form: Form | None = None
    shared_form: Form | None = None
    contradicting: float = 0.0
    only_in_test: bool = False
    unrelated: bool = False


COMPLEMENTARY = Setting("1.1 complementary", (500, 400), (20, 30), 0, (0.4, 0.4), own_form="linear")
SHARED = Setting("2.1 shared", (500, 400), (50, 30), 20, (0.4, 0.4), shared_form="linear")
NONLINEAR = Setting("2.2 nonlinear shared", (2000, 400), (50, 30), 20, (0.3, 0.3), shared_form="quadratic")
SETTINGS = (COMPLEMENTARY, SHARED, NONLINEAR)


@dataclass(frozen=True)
class Sample:
    """Rows of one setting: 1280 to train, 320 to validate, 400 to test.

    Attributes:
        values: Features per modality, each of shape (N, D_m).
        y_N: The answer, without noise of its own.
    """

    values: tuple[Array, ...]
    y_N: Array

    def variance(self) -> float:
        """Of the answer over the test rows: the squared error of the mean."""
        return float(self.y_N[ROWS["test"]].var())


def draw(setting: Setting, seed: int) -> Sample:
    """One data set.

    The modality m shows its latents L_m = [Z_m, S] through a random matrix, with noise over it::

        X_m = r_m E + (1 - r_m) standardise(L_m T_m),    T_m, E ~ N(0, 1)
        y   = sum_m f(Z_m)'b_m + f_S(S)'b_S,             b ~ U(-3, 3),    f(x) = x or x² - x

    Args:
        setting: The sizes and forms.
        seed: The same seed gives the same rows in every process.
    """
    rng = np.random.default_rng([seed, *setting.name.encode()])
    own = [rng.normal(size=(_N, k)) for k in setting.own]
    shared_NK = rng.normal(size=(_N, setting.shared))
    y_N = sum((_answer(Z_NK, setting.own_form, rng) for Z_NK in own), _answer(shared_NK, setting.shared_form, rng))
    shown = [shared_NK] * (len(own) - 1) + [_last_shows(shared_NK, setting, rng)]
    latents = [np.concatenate(pair, axis=1) for pair in zip(own, shown, strict=True)]
    values = [_features(*told, rng) for told in zip(latents, setting.dims, setting.noise, strict=True)]
    return Sample(tuple(values), y_N)


def _answer(latents_NK: Array, form: Form | None, rng: np.random.Generator) -> Array:
    b_K = rng.uniform(-3, 3, latents_NK.shape[1])
    if form is None:
        return np.zeros(len(latents_NK))
    told: Array = (latents_NK if form == "linear" else latents_NK**2 - latents_NK) @ b_K
    return told


def _last_shows(shared_NK: Array, setting: Setting, rng: np.random.Generator) -> Array:
    if setting.unrelated:
        return rng.normal(size=shared_NK.shape)
    if not setting.contradicting:
        return shared_NK
    turned_N = rng.random(len(shared_NK)) < setting.contradicting
    if setting.only_in_test:
        turned_N[: ROWS["test"].start] = False
    return np.where(turned_N[:, None], -shared_NK, shared_NK)


def _features(latents_NK: Array, dim: int, noise: float, rng: np.random.Generator) -> Array:
    clean_ND = standardised(latents_NK @ rng.normal(size=(latents_NK.shape[1], dim)))
    return noise * rng.normal(size=clean_ND.shape) + (1 - noise) * clean_ND


def standardised(values_ND: Array, rows: Rows | slice = slice(None)) -> Array:
    """Each column with mean 0 and standard deviation 1 over these rows."""
    seen_ND = values_ND[rows]
    told: Array = (values_ND - seen_ND.mean(axis=0)) / seen_ND.std(axis=0)
    return told
