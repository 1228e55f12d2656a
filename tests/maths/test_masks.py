"""Keyed dropout masks: splitmix64 written out in Python's own integers, and what makes the masks usable."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch

from tasks.maths.masks import clip_keys, keyed_masks

WRAP = 1 << 64
GOLDEN = 0x9E3779B97F4A7C15


def sha256_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def keys_of(n: int) -> torch.Tensor:
    return clip_keys([sha256_of(f"clip {i}") for i in range(n)])


def splitmix64(state: int) -> int:
    """One output of the generator whose state is `state` (Steele, Lea and Flood 2014)."""
    z = (state + GOLDEN) % WRAP
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % WRAP
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % WRAP
    return z ^ (z >> 31)


def mask_literally(sha256: str, draw: int, size: int, drop: float, seed: int, layer: int) -> list[float]:
    key = int(sha256[:16], 16)
    of_layer = splitmix64(splitmix64(key + GOLDEN * seed) + GOLDEN * layer)
    of_draw = splitmix64(of_layer + GOLDEN * draw)
    bits = [splitmix64(of_draw + GOLDEN * d) for d in range(size)]
    return [0.0 if (b >> 40) / 2**24 < drop else 1 / (1 - drop) for b in bits]


def test_the_second_implementation_gives_the_published_numbers() -> None:
    outputs = [splitmix64(1234567 + GOLDEN * i) for i in range(3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize(("seed", "layer", "drop"), [(0, 0, 0.2), (0, 1, 0.5), (7, 0, 0.2), (2**40, 3, 0.9)])
def test_masks_are_those_of_splitmix64(seed: int, layer: int, drop: float) -> None:
    names = [sha256_of(name) for name in ("a", "b", "c")]
    masks_NKD = keyed_masks(clip_keys(names), 4, 33, drop, seed, layer)
    literal = [[mask_literally(name, draw, 33, drop, seed, layer) for draw in range(4)] for name in names]
    np.testing.assert_allclose(masks_NKD.numpy(), literal, rtol=1e-6)


def test_masks_do_not_change_from_release_to_release() -> None:
    """A change would silently make every stored draw irreproducible: raise the stage's code version with it."""
    masks = keyed_masks(clip_keys(["0123456789abcdef" * 4]), 2, 12, 0.25, seed=7, layer=1)
    golden = [[1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1]]
    assert (masks[0] > 0).int().tolist() == golden


def test_a_key_is_the_first_64_bits_of_the_sha256_with_its_sign() -> None:
    assert clip_keys(["ff" * 32, "00" * 7 + "01" + "ab" * 24]).tolist() == [-1, 1]


def test_what_is_kept_is_scaled_so_that_the_mean_stays() -> None:
    assert keyed_masks(keys_of(1), 8, 50, 0.2, 0, 0).unique().tolist() == pytest.approx([0, 1.25])


@pytest.mark.parametrize("drop", [0.1, 0.2, 0.5])
def test_the_kept_share_is_that_asked_for(drop: float) -> None:
    kept = (keyed_masks(keys_of(50), 8, 256, drop, 0, 0) > 0).double()
    within = 4 * np.sqrt(drop * (1 - drop) / kept.numel())
    assert kept.mean().item() == pytest.approx(1 - drop, abs=within)


def test_each_clip_draw_and_position_keeps_its_share() -> None:
    kept = (keyed_masks(keys_of(64), 64, 64, 0.2, 0, 0) > 0).double()
    within = 5 * np.sqrt(0.2 * 0.8 / 64**2)
    for others in ((1, 2), (0, 2), (0, 1)):
        assert (kept.mean(dim=others) - 0.8).abs().max().item() < within


def test_no_drop_keeps_everything() -> None:
    assert (keyed_masks(keys_of(3), 2, 20, 0.0, 0, 0) == 1).all()


def test_a_clips_masks_are_the_same_alone_and_in_any_batch_in_any_order() -> None:
    keys_N, order = keys_of(6), [3, 0, 5, 1, 4, 2]
    masks_NKD = keyed_masks(keys_N, 3, 20, 0.2, 0, 0)
    assert torch.equal(keyed_masks(keys_N[order], 3, 20, 0.2, 0, 0), masks_NKD[order])
    assert torch.equal(keyed_masks(keys_N[4:5], 3, 20, 0.2, 0, 0), masks_NKD[4:5])


def test_more_draws_leave_the_first_ones_as_they_were() -> None:
    assert torch.equal(keyed_masks(keys_of(4), 7, 20, 0.2, 0, 0)[:, :5], keyed_masks(keys_of(4), 5, 20, 0.2, 0, 0))


def test_the_global_random_state_is_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    before, first = torch.get_rng_state(), keyed_masks(keys_of(2), 2, 20, 0.2, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(keyed_masks(keys_of(2), 2, 20, 0.2, 0, 0), first)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1])


def test_layers_seeds_draws_and_clips_have_masks_of_their_own() -> None:
    """Correlations of 32,768 pairs; 0.03 is more than five standard errors."""
    keys_N = keys_of(32)
    base = keyed_masks(keys_N, 8, 128, 0.2, 0, 0)
    others = [keyed_masks(keys_N, 8, 128, 0.2, seed, layer) for seed, layer in [(0, 1), (1, 0), (1, 1), (0, 2)]]
    stacked = [base, *others]
    assert all(abs(correlation(a, b)) < 0.03 for a, b in pairwise(stacked))
    assert abs(correlation(base[:, :-1], base[:, 1:])) < 0.03
    assert abs(correlation(base[:-1], base[1:])) < 0.03
    assert abs(correlation(base[..., :-1], base[..., 1:])) < 0.03
