"""Tables keep their schema, and the same rows give the same bytes."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import TableError
from tasks.contracts.tables import DRAW_STATUS, Schema
from tasks.storage.tables import digest_of_columns, read_metadata, read_table, write_table

SCHEMA: Schema = {"clip_id": pl.String(), "draw": pl.Int64(), "status": DRAW_STATUS, "p_sad": pl.Float64()}
ROWS = pl.DataFrame(
    {
        "clip_id": ["b", "a", "a", "c"],
        "draw": [0, 1, 0, 0],
        "status": ["answered", "failed", "answered", "refused"],
        "p_sad": [0.25, None, 1.0, None],
    },
    SCHEMA,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "draws.parquet"


def test_rows_are_written_in_order_of_clip_and_draw(path: Path) -> None:
    write_table(path, ROWS, SCHEMA)
    assert read_table(path, SCHEMA).equals(ROWS.sort("clip_id", "draw"))


@given(order=st.permutations(range(ROWS.height)), cut=st.integers(0, ROWS.height))
def test_the_same_rows_in_any_order_and_any_pieces_give_the_same_bytes(
    order: list[int], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    shuffled = ROWS[order]
    write_table(folder / "one.parquet", ROWS, SCHEMA)
    write_table(folder / "other.parquet", pl.concat([shuffled[:cut], shuffled[cut:]], rechunk=False), SCHEMA)
    assert (folder / "one.parquet").read_bytes() == (folder / "other.parquet").read_bytes()


def test_many_rows_give_the_same_bytes_too(tmp_path: Path) -> None:
    """More than one row group."""
    n = 300_000
    rows = pl.DataFrame({"clip_id": [f"{i:06d}" for i in range(n)], "x": pl.int_range(n, eager=True)})
    schema: Schema = {"clip_id": pl.String(), "x": pl.Int64()}
    write_table(tmp_path / "one.parquet", rows, schema)
    write_table(tmp_path / "other.parquet", rows.sample(fraction=1, shuffle=True, seed=1), schema)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_metadata_comes_back_as_it_was_given(path: Path) -> None:
    metadata = {"classes": '["angry", "zärtlich"]', "rule": "{}"}
    write_table(path, ROWS, SCHEMA, metadata)
    assert read_metadata(path) == metadata


def test_a_table_without_metadata_has_none(path: Path) -> None:
    write_table(path, ROWS, SCHEMA)
    assert read_metadata(path) == {}


WRONG = {
    "missing column": (ROWS.drop("p_sad"), r"columns differ from the contract: missing \['p_sad'\], not expected \[\]"),
    "extra column": (
        ROWS.with_columns(gold=1),
        r"columns differ from the contract: missing \[\], not expected \['gold'\]",
    ),
    "other order": (ROWS.select(reversed(ROWS.columns)), "columns differ from the contract: order differs"),
    "other type": (ROWS.cast({"draw": pl.Int32}), "types differ from the contract: draw is Int32, expected Int64"),
    "repeated key": (pl.concat([ROWS, ROWS[:1]]), "clip_id and draw must name each row once"),
    "null key": (ROWS.with_columns(draw=pl.lit(None, pl.Int64)), "clip_id and draw must name each row once"),
}


@pytest.mark.parametrize(("table", "told"), WRONG.values(), ids=WRONG)
def test_a_table_that_breaks_the_contract_is_not_written(table: pl.DataFrame, told: str, path: Path) -> None:
    with pytest.raises(TableError, match=f"draws.parquet: {told}"):
        write_table(path, table, SCHEMA)
    assert not path.exists()


@pytest.mark.parametrize(("table", "told"), WRONG.values(), ids=WRONG)
def test_a_table_that_breaks_the_contract_is_not_read(table: pl.DataFrame, told: str, path: Path) -> None:
    table.write_parquet(path)
    with pytest.raises(TableError, match=f"{path}: {told}"):
        read_table(path, SCHEMA)


def test_a_missing_table_names_the_command_that_makes_it(path: Path) -> None:
    with pytest.raises(TableError, match=r"draws.parquet: no such table. `mifuse run` makes it."):
        read_table(path, SCHEMA)


@pytest.mark.parametrize("content", [b"", b"no Parquet at all"])
def test_a_file_that_is_no_table_is_refused_with_what_to_do(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"(?s)draws.parquet: not a Parquet table .* Delete it and run `mifuse run`."):
        read_table(path, SCHEMA)


def test_a_cut_off_table_is_refused(path: Path) -> None:
    write_table(path, ROWS, SCHEMA)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TableError, match="not a Parquet table"):
        read_table(path, SCHEMA)


def digest(table: pl.DataFrame, path: Path) -> str:
    table.write_parquet(path)
    return digest_of_columns(path, ["status", "p_sad"])


def test_the_digest_of_columns_ignores_the_order_of_rows(path: Path) -> None:
    assert digest(ROWS, path) == digest(ROWS.reverse(), path)


def test_the_digest_of_columns_ignores_columns_that_are_not_listed(path: Path) -> None:
    renamed = ROWS.with_columns(clip_id=pl.lit("x"), draw=9)
    assert digest(ROWS, path) == digest(renamed.drop("draw"), path)


@given(order=st.permutations(range(6)))
def test_the_digest_of_long_texts_and_nulls_ignores_the_order_of_rows(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Texts of more than 12 bytes lie in a buffer of their own."""
    folder = tmp_path_factory.mktemp("digests")
    sha256s = [None if i == 2 else f"{i % 4}" * 64 for i in range(6)]
    table = pl.DataFrame({"sha256": sha256s, "p_sad": [0.5, None, 0.25, 0.5, 0.5, None]})
    table.write_parquet(folder / "one.parquet")
    table[order].write_parquet(folder / "other.parquet")
    one, other = (digest_of_columns(folder / f"{name}.parquet", ["sha256", "p_sad"]) for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize("p_sad", [[0.25, None, 1.0, 0.5], [0.25, None, 1.0 - 1e-15, None]])
def test_the_digest_of_columns_changes_with_any_value_of_theirs(p_sad: list[float | None], path: Path) -> None:
    assert digest(ROWS, path) != digest(ROWS.with_columns(pl.Series("p_sad", p_sad)), path)


def test_the_digest_of_columns_keeps_rows_together(path: Path) -> None:
    """The same values per column, paired otherwise."""
    assert digest(ROWS, path) != digest(ROWS.with_columns(pl.col("p_sad").reverse()), path)
