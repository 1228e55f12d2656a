"""Stored features come back bit for bit, in the order that is asked for."""

from pathlib import Path

import numpy as np
import pytest

from tasks.storage.features import FeatureStore

RNG = np.random.default_rng(0)
FEATURES = dict(zip("abcde", RNG.normal(size=(5, 3, 4)).astype(np.float32), strict=True))


def add(store: FeatureStore, names: str) -> None:
    store.add(list(names), np.stack([FEATURES[name] for name in names]))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    store = FeatureStore(tmp_path / "features")
    add(store, "cab")
    add(store, "ed")
    return store


def test_features_come_back_as_they_were_added(store: FeatureStore) -> None:
    np.testing.assert_array_equal(store.read(list("cab")), np.stack([FEATURES[name] for name in "cab"]))


@pytest.mark.parametrize("order", ["abcde", "ecadb", "d", "aea"])
def test_features_come_in_the_order_asked_for_across_shards(order: str, store: FeatureStore) -> None:
    np.testing.assert_array_equal(store.read(list(order)), np.stack([FEATURES[name] for name in order]))


def test_what_is_read_is_single_precision_and_may_be_written_to(store: FeatureStore) -> None:
    features_NLD = store.read(["a"])
    assert features_NLD.dtype == np.float32
    assert features_NLD.flags.writeable


def test_features_survive_reopening(store: FeatureStore, tmp_path: Path) -> None:
    again = FeatureStore(tmp_path / "features")
    assert again.known() == set("abcde")
    np.testing.assert_array_equal(again.read(["e"])[0], FEATURES["e"])


def test_a_new_store_knows_nothing(tmp_path: Path) -> None:
    assert FeatureStore(tmp_path).known() == set()


def test_adding_the_same_audio_again_changes_nothing(store: FeatureStore) -> None:
    add(store, "cab")
    add(store, "ad")
    assert store.known() == set("abcde")
    np.testing.assert_array_equal(store.read(list("abd")), np.stack([FEATURES[name] for name in "abd"]))


def test_audio_without_features_is_counted(store: FeatureStore) -> None:
    with pytest.raises(KeyError, match="2 of 3 clips have no stored features"):
        store.read(["a", "x", "y"])


def test_a_new_store_has_no_features_of_anything(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="1 of 1 clips have no stored features"):
        FeatureStore(tmp_path).read(["a"])


def test_an_unfinished_shard_is_not_read(store: FeatureStore, tmp_path: Path) -> None:
    """What a killed process leaves: half a file under a temporary name."""
    (tmp_path / "features" / ".0123.parquet-abcd").write_bytes(b"PAR1 half of a fi")
    assert store.known() == set("abcde")
