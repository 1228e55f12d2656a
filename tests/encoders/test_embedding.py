"""What an encoder makes of each clip in a few numbers: a literal second implementation, and what may not matter."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from tasks.encoders.embedding import embed
from tasks.encoders.features import Means, Part
from tasks.encoders.speakers import SpeakerCentred

SPEAKERS = ["ann", "ben", "cid", None]


def clips(n: int = 80, layers: int = 3, dim: int = 6, seed: int = 0) -> np.ndarray:
    """Random features whose scales and offsets differ, shape (N, L, D); correlated, so that components differ."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, layers, dim)) @ rng.normal(size=(dim, dim))
    return (mixed * rng.uniform(0.1, 20, (layers, dim)) + rng.uniform(-50, 50, (layers, dim))).astype(np.float32)


def features(x_NLD: np.ndarray) -> Means:
    return Means(torch.from_numpy(x_NLD))


def speakers(n: int, seed: int = 0) -> list[str | None]:
    return [SPEAKERS[i] for i in np.random.default_rng(seed).integers(0, len(SPEAKERS), n)]


def seen(x_NLD: np.ndarray, who: Sequence[str | None] | None) -> np.ndarray:
    return embed(features(x_NLD) if who is None else SpeakerCentred(features(x_NLD), who))


def embed_literally(x_NLD: np.ndarray, who: Sequence[str | None] | None, dim: int = 32) -> np.ndarray:
    """All clips at once, the mean of each speaker taken away clip by clip, and a singular value decomposition."""
    x = x_NLD.astype(float)
    y = x.copy()
    for name in {name for name in who or [] if name is not None}:
        own = [n for n, other in enumerate(who or []) if other == name]
        y[own] -= len(own) / (len(own) + 10) * (x[own].mean(axis=0) - x.mean(axis=0))
    z = ((y - y.mean(axis=0)) / y.std(axis=0)).mean(axis=1)
    z /= z.std(axis=0)
    axes = np.linalg.svd(z, full_matrices=False)[2][: min(dim, len(x) // 4, x.shape[2])]
    signs = [np.sign(axis[np.abs(axis).argmax()]) for axis in axes]
    return z @ (axes * np.array(signs)[:, None]).T


# More than 64 clips are read in parts: one whole, one and a bit, three.
@pytest.mark.parametrize(("n", "seed"), [(60, 0), (64, 1), (80, 2), (150, 3)])
@pytest.mark.parametrize("is_known", [True, False], ids=["speakers known", "not known"])
def test_numbers_are_those_of_a_literal_second_implementation(n: int, seed: int, is_known: bool) -> None:
    x_NLD = clips(n, seed=seed)
    who = speakers(n, seed) if is_known else None
    np.testing.assert_allclose(seen(x_NLD, who), embed_literally(x_NLD, who), atol=1e-4)


def test_the_order_of_the_clips_does_not_matter() -> None:
    x_NLD, who, order = clips(), speakers(80), np.random.default_rng(1).permutation(80)
    there = seen(x_NLD, who)[order]
    np.testing.assert_allclose(seen(x_NLD[order], [who[n] for n in order]), there, atol=1e-4)


def test_scale_and_offset_of_a_feature_do_not_matter() -> None:
    x_NLD = clips()
    changed_NLD = x_NLD * np.array([1, 2, 3, 4, 5, 6], dtype=np.float32) + 3
    np.testing.assert_allclose(embed(features(changed_NLD)), embed(features(x_NLD)), atol=1e-3)


def test_a_speaker_of_many_clips_loses_its_offset() -> None:
    """Two speakers who differ in all features by ten deviations; 500 clips each leave 2 % of that."""
    rng = np.random.default_rng(0)
    x_NLD = rng.normal(size=(1000, 1, 4)).astype(np.float32)
    x_NLD[500:] += 10
    who = ["ann"] * 500 + ["ben"] * 500
    told_ND, untold_ND = seen(x_NLD, who), embed(features(x_NLD))
    apart_D, apart_untold_D = (np.abs(seen[:500].mean(0) - seen[500:].mean(0)) for seen in (told_ND, untold_ND))
    assert apart_D.max() < 0.5
    assert apart_untold_D.max() > 3


def test_a_speaker_of_one_clip_keeps_nearly_all() -> None:
    """Each loses one eleventh, the same for all: after standardising again nothing is left of that."""
    x_NLD = clips()
    alone = embed(SpeakerCentred(features(x_NLD), [f"speaker {n}" for n in range(80)]))
    np.testing.assert_allclose(alone, embed(features(x_NLD)), atol=1e-4)


@pytest.mark.parametrize(("n", "dim", "expected"), [(80, 32, 6), (80, 2, 2), (12, 32, 3), (3, 32, 1), (1, 32, 1)])
def test_there_are_as_many_components_as_features_clips_and_caller_allow(n: int, dim: int, expected: int) -> None:
    seen_ND = embed(features(clips(n)), dim)
    assert seen_ND.shape == (n, expected)
    assert seen_ND.dtype == np.float32
    assert np.isfinite(seen_ND).all()


def test_components_are_uncorrelated_and_in_order_of_their_variance() -> None:
    covariance = np.cov(embed(features(clips(400))).T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)
    assert (np.diff(np.diag(covariance)) <= 0).all()


def test_clips_that_are_all_the_same_are_zeros() -> None:
    same_ND = embed(features(np.full((8, 2, 3), 7.0, dtype=np.float32)))
    assert same_ND.tolist() == [[0.0, 0.0]] * 8


def test_any_features_will_do_not_only_those_in_memory() -> None:
    x_NLD = clips()
    part = Part(features(x_NLD), range(40, 80))
    np.testing.assert_allclose(embed(part), embed(features(x_NLD[40:])), atol=1e-6)


def test_no_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="no clip to embed"):
        embed(features(clips(4)[:0]))
