"""Stored features come back bit for bit, in the order that is asked for, out of files that are mapped, not read."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.contracts.errors import CacheError
from tasks.storage.feature_shards import check_shards, write_shard
from tasks.storage.features import FeatureStore

RNG = np.random.default_rng(0)
MEANS = dict(zip("abcde", RNG.normal(size=(5, 3, 4)).astype(np.float32), strict=True))
FRAMES = {name: RNG.normal(size=(3, t, 4)).astype(np.float32) for name, t in zip("abcde", (2, 7, 1, 3, 5), strict=True)}


def add(store: FeatureStore, names: str, rows: dict[str, NDArray[np.float32]] = MEANS) -> None:
    store.add(list(names), [rows[name] for name in names])


def means(store: FeatureStore, names: str) -> NDArray[np.float32]:
    values_BLTD, n_frames_B = store.rows(list(names))
    assert set(n_frames_B.tolist()) == {1}
    return values_BLTD[:, :, 0]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    store = FeatureStore(tmp_path / "features")
    add(store, "cab")
    add(store, "ed")
    return store


@pytest.mark.parametrize("order", ["cab", "abcde", "ecadb", "d", "aea"])
def test_features_come_in_the_order_asked_for_across_shards(order: str, store: FeatureStore) -> None:
    np.testing.assert_array_equal(means(store, order), np.stack([MEANS[name] for name in order]))


@pytest.mark.parametrize("order", ["abcde", "ecadb", "c"])
def test_frames_come_back_with_zeros_after_each_rows_last(order: str, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    add(store, "cab", FRAMES)
    add(store, "ed", FRAMES)
    values_BLTD, n_frames_B = store.rows(list(order))
    assert n_frames_B.tolist() == [FRAMES[name].shape[1] for name in order]
    assert values_BLTD.shape == (len(order), 3, max(n_frames_B), 4)
    for row_LTD, name in zip(values_BLTD, order, strict=True):
        n_frames = FRAMES[name].shape[1]
        np.testing.assert_array_equal(row_LTD[:, :n_frames], FRAMES[name])
        assert not row_LTD[:, n_frames:].any()


def test_many_rows_may_be_given_as_one_array(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.add(list("ab"), np.stack([MEANS["a"], MEANS["b"]]))
    np.testing.assert_array_equal(means(store, "ba"), np.stack([MEANS["b"], MEANS["a"]]))


def test_what_is_read_is_single_precision_and_may_be_written_to(store: FeatureStore) -> None:
    values_BLTD, n_frames_B = store.rows(["a"])
    assert (values_BLTD.dtype, n_frames_B.dtype) == (np.float32, np.int64)
    values_BLTD += 1
    np.testing.assert_array_equal(means(store, "a")[0], MEANS["a"])


def test_the_number_of_layers_and_their_size_are_known_without_reading_a_row(store: FeatureStore) -> None:
    assert (store.n_layers, store.dim) == (3, 4)


def test_features_survive_reopening(store: FeatureStore, tmp_path: Path) -> None:
    again = FeatureStore(tmp_path / "features")
    assert again.known() == set("abcde")
    np.testing.assert_array_equal(means(again, "e")[0], MEANS["e"])


def test_a_new_store_knows_nothing(tmp_path: Path) -> None:
    assert FeatureStore(tmp_path).known() == set()


def test_what_another_process_adds_is_found(store: FeatureStore, tmp_path: Path) -> None:
    reader = FeatureStore(tmp_path / "features")
    store.add(["f"], [MEANS["a"] + 1])
    np.testing.assert_array_equal(means(reader, "f")[0], MEANS["a"] + 1)
    assert reader.known() == set("abcdef")


def test_of_an_audio_that_is_stored_twice_the_first_row_counts(store: FeatureStore) -> None:
    store.add(["a", "f"], [MEANS["a"] + 1, MEANS["b"]])
    assert store.known() == set("abcdef")
    np.testing.assert_array_equal(means(store, "a")[0], MEANS["a"])


def test_a_process_that_writes_the_same_clips_in_another_order_moves_no_row(tmp_path: Path) -> None:
    """It replaces the shard, whose places this store has noted and whose file it has not mapped yet."""
    store = FeatureStore(tmp_path)
    add(store, "cab")
    add(FeatureStore(tmp_path), "bca")
    np.testing.assert_array_equal(means(store, "cab"), np.stack([MEANS[name] for name in "cab"]))


def test_the_same_rows_make_the_same_bytes(store: FeatureStore, tmp_path: Path) -> None:
    other = FeatureStore(tmp_path / "other")
    add(other, "cab")
    (shard,) = (tmp_path / "other").iterdir()
    assert shard.read_bytes() == (tmp_path / "features" / shard.name).read_bytes()


def test_audio_without_features_is_counted(store: FeatureStore) -> None:
    with pytest.raises(KeyError, match="2 of 3 clips have no stored features"):
        store.rows(["a", "x", "y"])


def test_a_new_store_has_no_features_of_anything(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="1 of 1 clips have no stored features"):
        FeatureStore(tmp_path).check(["a"])


def test_an_unfinished_shard_is_not_read(store: FeatureStore, tmp_path: Path) -> None:
    """What a killed process leaves: half a file under a temporary name."""
    (tmp_path / "features" / ".0123.arrow-abcd").write_bytes(b"ARROW1 half of a fi")
    assert store.known() == set("abcde")


@pytest.mark.parametrize("left", [0.0, 0.1, 0.5, 0.99])
def test_half_a_shard_is_refused_with_its_name_and_what_to_do(store: FeatureStore, tmp_path: Path, left: float) -> None:
    shard = sorted((tmp_path / "features").iterdir())[0]
    shard.write_bytes(shard.read_bytes()[: int(left * shard.stat().st_size)])
    with pytest.raises(CacheError, match=rf"{shard.name}: stored features that cannot be read .*Delete this file and"):
        FeatureStore(tmp_path / "features")


def test_a_file_that_is_no_shard_is_refused(store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "features" / "notes.arrow").write_bytes(b"to do: clean up\n" * 100)
    with pytest.raises(CacheError, match=r"notes\.arrow: stored features that cannot be read"):
        store.known()


def test_features_of_another_shape_are_refused(store: FeatureStore, tmp_path: Path) -> None:
    write_shard(tmp_path / "features" / "z.arrow", ["z"], [np.zeros((2, 1, 4), np.float32)])
    with pytest.raises(
        CacheError, match=r"z\.arrow: features of 2 layers of 4; the other files .* hold 3 of 4\. Delete"
    ):
        store.known()


def test_without_the_damaged_shard_only_its_clips_are_missing(store: FeatureStore, tmp_path: Path) -> None:
    shards = sorted((tmp_path / "features").iterdir(), key=lambda path: path.stat().st_size)
    shards[1].unlink()
    assert FeatureStore(tmp_path / "features").known() == set("ed")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="what is mapped can be seen on Linux alone")
def test_however_many_files_there_are_at_most_256_are_mapped(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    names = [f"{n:03}" for n in range(260)]
    for n, name in enumerate(names):
        store.add([name], [np.full((1, 1), n, np.float32)])
    again = FeatureStore(tmp_path)
    assert again.rows([*names[::-1], *names])[0].ravel().tolist() == [*range(259, -1, -1), *range(260)]
    assert Path("/proc/self/maps").read_text().count(str(tmp_path)) == 256


def test_a_check_of_the_shards_names_those_that_are_damaged(store: FeatureStore, tmp_path: Path) -> None:
    shards = sorted((tmp_path / "features").iterdir())
    assert check_shards(shards, lambda: None) == []
    shards[1].write_bytes(b"")
    (problem,) = check_shards(shards, lambda: None)
    assert problem.startswith(f"{shards[1]}: stored features that cannot be read")
