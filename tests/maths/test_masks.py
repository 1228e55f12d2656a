"""Keyed dropout masks: splitmix64 written out in Python's own integers, and what makes the masks usable."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch

from tasks.maths.masks import clip_keys, draw_keys, drop_in_place, keyed_masks, masks_of

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
    """One row, of the only window: four uniforms of 15 bits from each word, lowest first."""
    of_draw = splitmix64(splitmix64(int(sha256[:16], 16) + GOLDEN * seed) + GOLDEN * draw)
    of_layer = splitmix64(splitmix64(of_draw) + GOLDEN * layer)
    lanes = [
        (splitmix64(of_layer + GOLDEN * word) >> 16 * lane) % 65536 // 2 for word in range(size) for lane in range(4)
    ]
    dropped = round(drop * 32768)
    # the signed 16-bit numbers are compared: the lower half of the unsigned ones are the upper half of the signed
    signed = [(u + 16384) % 32768 for u in lanes[:size]]
    return [0.0 if u < dropped else 32768 / (32768 - dropped) for u in signed]


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
    golden = [[1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1]]
    assert (masks[0] > 0).int().tolist() == golden


def test_a_key_is_the_first_64_bits_of_the_sha256_with_its_sign() -> None:
    assert clip_keys(["ff" * 32, "00" * 7 + "01" + "ab" * 24]).tolist() == [-1, 1]


def test_what_is_kept_is_scaled_so_that_the_mean_stays() -> None:
    """The rate is rounded to a 32768th, and the scale with it."""
    scales = keyed_masks(keys_of(1), 8, 50, 0.2, 0, 0).unique().tolist()
    assert scales == pytest.approx([0, 32768 / (32768 - 6554)])
    assert scales[1] == pytest.approx(1.25, rel=2e-5)


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


def test_draws_may_be_given_by_their_numbers() -> None:
    masks_NKD = keyed_masks(keys_of(3), 8, 20, 0.2, 0, 0)
    assert torch.equal(keyed_masks(keys_of(3), [5, 0, 3], 20, 0.2, 0, 0), masks_NKD[:, [5, 0, 3]])


def mask_of(shape: tuple[int, ...], layer: int = 0, drop: float = 0.1, window: int = 0) -> torch.Tensor:
    """A mask of this shape whose first axis are the first draws of one clip."""
    return drop_in_place(torch.ones(shape), draw_keys(keys_of(1), shape[0], 0, window)[0], drop, layer)


@pytest.mark.parametrize("longer", [(3, 7, 21), (3, 12, 18), (3, 9, 40)])
def test_an_elements_fate_does_not_depend_on_how_long_the_axes_are(longer: tuple[int, ...]) -> None:
    assert torch.equal(mask_of(longer)[:, :7, :18], mask_of((3, 7, 18)))


def test_the_same_holds_for_attention() -> None:
    """Rows, heads, queries and keys, the latter padded."""
    assert torch.equal(mask_of((2, 3, 11, 14))[:, :, :9, :9], mask_of((2, 3, 9, 9)))


def test_masks_larger_than_a_block_are_made_of_the_same_rows() -> None:
    large = mask_of((2, 900, 601))
    assert torch.equal(mask_of((2, 900, 601))[1:], large[1:])
    assert torch.equal(drop_in_place(torch.ones(1, 900, 601), draw_keys(keys_of(1), [1], 0)[0], 0.1, 0), large[1:])


def test_values_are_dropped_and_scaled_where_they_are() -> None:
    values = torch.randn(2, 5, 30, generator=torch.Generator().manual_seed(0))
    keys_R, given = draw_keys(keys_of(1), 2, 0)[0], values.clone()
    assert drop_in_place(given, keys_R, 0.1, 0) is given
    torch.testing.assert_close(given, values * mask_of((2, 5, 30)))


def test_half_precision_is_dropped_at_the_same_places() -> None:
    half = drop_in_place(torch.ones(2, 5, 30, dtype=torch.bfloat16), draw_keys(keys_of(1), 2, 0)[0], 0.1, 0)
    assert torch.equal(half > 0, mask_of((2, 5, 30)) > 0)


@pytest.mark.parametrize("drop", [0.05, 0.1, 0.5])
def test_a_large_mask_drops_its_share_and_keeps_its_mean(drop: float) -> None:
    mask = mask_of((4, 300, 768), drop=drop).double()
    within = 5 * np.sqrt(drop * (1 - drop) / mask.numel())
    assert (mask == 0).double().mean().item() == pytest.approx(drop, abs=within + 1 / 65536)
    assert mask.mean().item() == pytest.approx(1, abs=within / (1 - drop))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_index_of_every_axis_keeps_its_share(axis: int) -> None:
    kept = (mask_of((16, 200, 64)) > 0).double()
    others = tuple(other for other in range(3) if other != axis)
    within = 5.5 * np.sqrt(0.1 * 0.9 / (kept.numel() / kept.shape[axis]))
    assert (kept.mean(dim=others) - 0.9).abs().max().item() < within


def test_neighbours_layers_and_windows_are_not_correlated() -> None:
    """204,800 pairs each; 0.012 is more than five standard errors."""
    base = mask_of((4, 200, 256))
    others = [mask_of((4, 200, 256), layer=1), mask_of((4, 200, 256), layer=2), mask_of((4, 200, 256), window=1)]
    assert all(abs(correlation(base, other)) < 0.012 for other in others)
    for axis in range(3):
        ends = base.shape[axis] - 1
        assert abs(correlation(base.narrow(axis, 0, ends), base.narrow(axis, 1, ends))) < 0.015
    for lanes in (2, 3, 4):
        assert abs(correlation(base[..., :-lanes], base[..., lanes:])) < 0.012


def test_rows_and_columns_together_are_not_correlated() -> None:
    """Keys and counters are added before they are mixed: sums must not show through, as parity of rectangles would."""
    signs = mask_of((1, 512, 512), drop=0.5)[0].sign() * 2 - 1
    rectangles = signs[:-1, :-1] * signs[:-1, 1:] * signs[1:, :-1] * signs[1:, 1:]
    assert abs(rectangles.mean().item()) < 5 / 511


@pytest.mark.parametrize("size", [1, 4, 489])
@pytest.mark.parametrize("drop", [0.0, 0.2, 1 - 1e-9])
def test_masks_are_what_dropout_makes_of_ones(size: int, drop: float) -> None:
    """The one is NumPy's and the other torch's."""
    keys_NK = draw_keys(keys_of(500), 3, seed=5)
    expected = drop_in_place(torch.ones(500, 3, size), keys_NK, drop, layer=1)
    assert torch.equal(masks_of(keys_NK, size, drop, layer=1), expected)
