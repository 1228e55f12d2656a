"""What the head standardises by: against NumPy, on disk, and how far a domain has moved."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tasks.contracts.errors import CheckpointError, TableError
from tasks.encoders.features import Means
from tasks.networks.head import Head
from tasks.networks.statistics import Statistics, drift, read_statistics, statistics_of, write_statistics
from tasks.storage.tables import read_metadata


def statistics(seed: int = 0, n: int = 40, shift: float = 0.0) -> Statistics:
    return statistics_of(Means(torch.randn(n, 3, 5, generator=torch.Generator().manual_seed(seed)) + shift))


@pytest.mark.parametrize("n", [1, 32, 33, 100])
def test_they_are_mean_and_deviation_over_all_clips(n: int) -> None:
    means_NLD = 1e4 + torch.randn(n, 3, 5, generator=torch.Generator().manual_seed(n))
    found = statistics_of(Means(means_NLD))
    of_all = means_NLD.double().numpy()
    np.testing.assert_allclose(found.mean_LD, of_all.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.std_LD, np.maximum(of_all.std(axis=0), 1e-5), rtol=1e-5)


def test_they_come_back_bit_for_bit_with_their_metadata(tmp_path: Path) -> None:
    given = statistics()
    write_statistics(tmp_path / "s.parquet", given, {"clips": "40"})
    found = read_statistics(tmp_path / "s.parquet")
    assert torch.equal(found.mean_LD, given.mean_LD)
    assert torch.equal(found.std_LD, given.std_LD)
    assert read_metadata(tmp_path / "s.parquet") == {"clips": "40"}


def test_the_table_has_a_row_per_layer_and_feature(tmp_path: Path) -> None:
    given = statistics()
    write_statistics(tmp_path / "s.parquet", given, {})
    table = pl.read_parquet(tmp_path / "s.parquet")
    assert table.columns == ["layer", "feature", "mean", "std"]
    row = table.filter(layer=2, feature=3)
    assert (row["mean"].item(), row["std"].item()) == (given.mean_LD[2, 3].item(), given.std_LD[2, 3].item())


def test_the_same_statistics_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_statistics(tmp_path / name, statistics(), {"clips": "40", "drift": "0.1"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_file_is_told_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"s\.parquet: no such table\. `mifuse run` makes it"):
        read_statistics(tmp_path / "s.parquet")


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(TableError, match=r"s\.parquet: not a Parquet table .*Delete it and run"):
        read_statistics(tmp_path / "s.parquet")


def test_other_columns_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"layer": [0], "mean": [1.0]}).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(TableError, match=r"s\.parquet: columns are .*'feature'"):
        read_statistics(tmp_path / "s.parquet")


@pytest.mark.parametrize(
    "change",
    [lambda table: table[1:], lambda table: table[::-1], lambda table: pl.concat([table, table]), lambda t: t[:0]],
    ids=["a row missing", "turned round", "twice", "empty"],
)
def test_rows_that_are_no_whole_grid_are_refused(tmp_path: Path, change: object) -> None:
    write_statistics(tmp_path / "s.parquet", statistics(), {})
    change(pl.read_parquet(tmp_path / "s.parquet")).write_parquet(tmp_path / "s.parquet")  # type: ignore[operator]
    with pytest.raises(TableError, match=r"s\.parquet: not each feature of each layer once and in order"):
        read_statistics(tmp_path / "s.parquet")


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan"), float("inf")])
def test_a_deviation_that_nothing_can_be_divided_by_is_refused(tmp_path: Path, std: float) -> None:
    given = statistics()
    given.std_LD[1, 1] = std
    write_statistics(tmp_path / "s.parquet", given, {})
    with pytest.raises(CheckpointError, match=r"s\.parquet: a mean that is not finite, or a standard deviation"):
        read_statistics(tmp_path / "s.parquet")


def test_statistics_of_another_encoder_are_refused(head: Head) -> None:
    with pytest.raises(
        CheckpointError, match=r"statistics are of \(1, 5\) layers and features, .* \(3, 5\)\. Estimate"
    ):
        head.standardise_by(Statistics(torch.zeros(1, 5), torch.ones(1, 5)))


def test_drift_is_the_root_mean_square_move_in_frozen_deviations() -> None:
    frozen, now = statistics(0), statistics(1, shift=0.5)
    moves = (now.mean_LD.double() - frozen.mean_LD.double()).numpy() / frozen.std_LD.double().numpy()
    assert drift(frozen, now) == pytest.approx(float(np.sqrt(np.mean(moves**2))), rel=1e-9)


def test_nothing_moved_is_a_drift_of_0() -> None:
    assert drift(statistics(), statistics()) == 0


def test_chance_alone_moves_by_about_one_over_the_root_of_the_clips() -> None:
    moved = drift(Statistics(torch.zeros(3, 5), torch.ones(3, 5)), statistics(seed=7, n=400))
    assert moved == pytest.approx(1 / 20, rel=0.5)


def test_drift_between_two_encoders_means_nothing() -> None:
    with pytest.raises(ValueError, match=r"two encoders: \(3, 5\) and \(1, 5\)"):
        drift(statistics(), Statistics(torch.zeros(1, 5), torch.ones(1, 5)))
