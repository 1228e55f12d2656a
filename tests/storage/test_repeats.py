"""The table of repeats: one pair is taken, and a table that says otherwise is refused."""

from pathlib import Path

import polars as pl
import pytest

from tasks.contracts.errors import TableError
from tasks.storage.repeats import pair_schema, read_pair, read_repeats, repeats_schema, write_pair, write_repeats


def table(*chosen: tuple[int, int]) -> pl.DataFrame:
    pairs = [(2, 1), (1, 1), (1, 2), (2, 2)]
    rows = [(r_a, r_t, 0.5, 0.0, 0.0, 9, (r_a, r_t) in chosen) for r_a, r_t in pairs]
    return pl.DataFrame(rows, repeats_schema(), orient="row")


def test_it_is_read_as_written_in_order_of_the_pairs(tmp_path: Path) -> None:
    write_repeats(tmp_path / "repeats.parquet", table((1, 2)))
    found = read_repeats(tmp_path / "repeats.parquet")
    assert found.equals(table((1, 2)).sort("r_a", "r_t"))


def test_the_chosen_pair_stands_alone(tmp_path: Path) -> None:
    write_pair(tmp_path / "pair.parquet", (1, 2))
    assert read_pair(tmp_path / "pair.parquet") == (1, 2)


@pytest.mark.parametrize("chosen", [[], [(1, 1), (2, 2)]])
def test_none_or_two_chosen_pairs_are_refused(tmp_path: Path, chosen: list[tuple[int, int]]) -> None:
    pl.DataFrame(chosen, pair_schema(), orient="row").write_parquet(tmp_path / "pair.parquet")
    with pytest.raises(TableError, match=f"{len(chosen)} pairs of repeats are chosen, expected one"):
        read_pair(tmp_path / "pair.parquet")


def test_another_table_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"r_a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(TableError, match="not a table of repeats"):
        read_repeats(tmp_path / "other.parquet")
    with pytest.raises(TableError, match="not a table of repeats"):
        read_pair(tmp_path / "other.parquet")
    with pytest.raises(TableError, match=r"none.parquet: no table of repeats \(.*`mifuse run` makes it"):
        read_pair(tmp_path / "none.parquet")
