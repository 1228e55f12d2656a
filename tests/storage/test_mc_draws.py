"""Kept draws: which are missing, each read once and in order, shards that nothing half-written can spoil."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.contracts.errors import CacheError
from tasks.storage.mc_draws import DrawStore

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def probs(n: int, k: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).dirichlet([1, 1, 1], size=(n, k))


@pytest.fixture
def store(tmp_path: Path) -> DrawStore:
    return DrawStore(tmp_path / "draws")


def test_in_an_empty_store_all_draws_are_missing(store: DrawStore) -> None:
    assert store.missing([A, B], 3) == {(0, 1, 2): [A, B]}


def test_what_is_kept_comes_back_bit_for_bit_in_the_order_asked_for(store: DrawStore) -> None:
    found_NKC = probs(2, 3)
    store.add([A, B], range(3), found_NKC)
    np.testing.assert_array_equal(store.read([B, A], 3), found_NKC[::-1])
    assert store.missing([A, B], 3) == {}


def test_a_raised_count_lacks_only_what_is_added(store: DrawStore) -> None:
    store.add([A, B], range(3), probs(2, 3))
    assert store.missing([A, B, C], 5) == {(3, 4): [A, B], (0, 1, 2, 3, 4): [C]}


def test_a_lowered_count_shows_the_first_draws(store: DrawStore) -> None:
    found_NKC = probs(1, 4)
    store.add([A], range(4), found_NKC)
    assert store.missing([A], 2) == {}
    np.testing.assert_array_equal(store.read([A], 2), found_NKC[:, :2])


def test_draws_of_several_shards_are_put_together(store: DrawStore) -> None:
    early_NKC, late_NKC = probs(2, 2), probs(2, 3, seed=1)
    store.add([A, B], (0, 1), early_NKC)
    store.add([B, A], (2, 3, 4), late_NKC)
    np.testing.assert_array_equal(store.read([A, B], 5), np.concatenate([early_NKC, late_NKC[::-1]], axis=1))


def test_a_recording_named_twice_is_read_twice_and_missing_once(store: DrawStore) -> None:
    assert store.missing([A, A], 2) == {(0, 1): [A]}
    found_NKC = probs(1, 2)
    store.add([A], (0, 1), found_NKC)
    np.testing.assert_array_equal(store.read([A, A], 2), found_NKC[[0, 0]])


def test_a_draw_that_two_runs_have_computed_is_read_once_and_always_the_same(store: DrawStore, tmp_path: Path) -> None:
    store.add([A], (0, 1), probs(1, 2))
    store.add([A, B], (0, 1), probs(2, 2, seed=1))
    first = store.read([A], 2)
    assert first.shape == (1, 2, 3)
    np.testing.assert_array_equal(DrawStore(tmp_path / "draws").read([A], 2), first)


def test_what_was_removed_meanwhile_is_told(store: DrawStore) -> None:
    store.add([A], (0, 1), probs(1, 2))
    with pytest.raises(CacheError, match=r"2 of 4 draws are not there; something has removed them.*Run again"):
        store.read([A, B], 2)
    with pytest.raises(CacheError, match="3 of 3 draws are not there"):
        store.read([C], 3)


def test_a_damaged_shard_is_named_with_what_to_do(store: DrawStore, tmp_path: Path) -> None:
    store.add([A], (0, 1), probs(1, 2))
    shard = next((tmp_path / "draws").iterdir())
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(CacheError, match=rf"{shard.name}: stored draws that cannot be read .*Delete the file"):
        store.missing([A], 2)


def test_a_shard_that_is_being_written_is_not_read(store: DrawStore, tmp_path: Path) -> None:
    (tmp_path / "draws" / ".x.parquet-1234").write_bytes(b"half a sha")
    assert store.missing([A], 2) == {(0, 1): [A]}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot be written"):
        DrawStore(tmp_path / "file" / "draws")
