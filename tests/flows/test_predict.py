"""`mifuse predict`: any number of files, in any of three formats."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from flows import predict
from flows.predict import PredictOptions, predict_audio
from flows.predict_out import writer_for
from tasks.contracts.tables import predictions_schema
from tasks.storage.tables import check_table
from tests.flows.conftest import Project

CLASSES = ["angry", "happy", "neutral", "sad"]
READERS = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}


@pytest.fixture
def student(finished_project: Project) -> str:
    return str(finished_project.results / "student")


@pytest.fixture
def audio(finished_project: Project) -> Path:
    return finished_project.folder / "target" / "audio"


@pytest.fixture
def table(finished_project: Project, student: str, audio: Path, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    """What `mifuse predict` writes about the corpus with these options."""

    def run(*words: str, ending: str = ".parquet") -> pl.DataFrame:
        out = tmp_path / f"out{ending}"
        result = finished_project.mifuse("predict", student, str(audio), "--out", str(out), *words)
        assert result.exit_code == 0, result.output
        return READERS[ending](out)

    return run


def test_the_parquet_table_keeps_its_contract(table: Callable[..., pl.DataFrame]) -> None:
    check_table(table(), predictions_schema(CLASSES), "out.parquet")


def test_rows_are_in_the_order_of_the_files_names(table: Callable[..., pl.DataFrame], audio: Path) -> None:
    assert table()["path"].to_list() == sorted(str(path) for path in audio.iterdir())


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_every_format_holds_the_same(table: Callable[..., pl.DataFrame], ending: str) -> None:
    expected, found = table("--draws", "3"), table("--draws", "3", ending=ending)
    assert found.columns == expected.columns
    plain = expected.with_columns(pl.col("label").cast(pl.String))
    assert plain.equals(found)


def test_draws_add_mi_and_entropy_and_change_nothing_else(table: Callable[..., pl.DataFrame]) -> None:
    plain, doubted = table(), table("--draws", "4")
    assert doubted.drop("mi", "entropy").equals(plain)
    assert doubted.select((pl.col("mi") >= 0) & (pl.col("mi") < pl.col("entropy"))).to_series().all()


def test_how_many_are_taken_at_once_makes_no_difference(
    table: Callable[..., pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bits: a matrix product's depend on the row's place."""
    whole = table("--draws", "4", "--no-cache")
    monkeypatch.setattr(predict, "_AT_ONCE", 5)
    parts = table("--draws", "4", "--no-cache")
    assert parts["clip_id"].equals(whole["clip_id"])
    numbers = [name for name, kind in whole.schema.items() if kind == pl.Float64]
    assert (
        float((parts.select(numbers) - whole.select(numbers)).select(pl.max_horizontal(pl.all().abs().max())).item())
        < 1e-6
    )


def test_no_cache_leaves_the_cache_as_it_is(
    project: Project, tmp_path: Path, write_tone: Callable[..., Path], contents: Callable[[Path], dict[str, bytes]]
) -> None:
    tone, before = str(write_tone(tmp_path / "new.wav")), contents(project.cache)
    student = str(project.results / "student")
    assert project.mifuse("predict", student, tone, "--no-cache").exit_code == 0
    assert contents(project.cache) == before
    assert project.mifuse("predict", student, tone).exit_code == 0
    assert contents(project.cache / "features") != before


def test_a_file_that_is_named_twice_gets_one_row(
    finished_project: Project, student: str, audio: Path, tmp_path: Path
) -> None:
    one, out = next(audio.iterdir()), tmp_path / "out.csv"
    finished_project.mifuse("predict", student, str(audio), str(audio / ".." / "audio" / one.name), "--out", str(out))
    assert pl.read_csv(out).height == len(list(audio.iterdir()))


def test_what_is_left_out_is_named_and_counted(
    finished_project: Project, student: str, audio: Path, tmp_path: Path, write_tone: Callable[..., Path]
) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    (tmp_path / "b.wav").write_bytes(b"")
    write_tone(tmp_path / "c.wav", duration_s=0.2)
    write_tone(tmp_path / "d.wav")
    told = finished_project.mifuse("predict", student, str(tmp_path)).output
    assert f"left out: {tmp_path / 'c.wav'}: too short: 0.2 s, at least 0.3 s are needed" in told
    assert "3 of 4 files left out: 1 unreadable, 1 empty, 1 too short" in told
    assert "1 rows (" in told


def test_where_no_file_can_be_used_the_old_table_stays(finished_project: Project, student: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    (tmp_path / "out.csv").write_text("old")
    result = finished_project.mifuse("predict", student, str(tmp_path / "a.wav"), "--out", str(tmp_path / "out.csv"))
    assert result.exit_code == 2
    assert "none of 1 audio files can be used: 1 unreadable." in result.output
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.wav": "no audio", "out.csv": "old"}


def test_a_folder_without_audio_is_refused(finished_project: Project, student: str, tmp_path: Path) -> None:
    result = finished_project.mifuse("predict", student, str(tmp_path))
    assert result.exit_code == 2
    assert f"{tmp_path}: no audio file there. Expected .flac, .mp3, .ogg, .opus, .wav." in result.output


def test_a_file_that_goes_away_meanwhile_is_left_out(
    student: str, audio: Path, tmp_path: Path, write_tone: Callable[..., Path]
) -> None:
    """Measured, then deleted before the encoder's turn: the others of its batch get their rows."""
    from tasks.contracts.progress import audio_progress_bar
    from tasks.networks.predict_stream import Predictor

    paths = {name: write_tone(tmp_path / f"{name}.wav", hz=hz) for name, hz in [("goes", 300), ("stays", 400)]}
    names = [predict._Named(name, str(path)) for name, path in paths.items()]
    (chunk,) = predict._measured_ahead(names)
    paths["goes"].unlink()
    left_out: Counter[str] = Counter()
    with audio_progress_bar("predicting", 2) as bar:
        rows = predict._answers(Predictor(Path(student), None), chunk, predictions_schema(CLASSES), left_out, bar)
    assert rows["clip_id"].to_list() == ["stays"]
    assert left_out == {"unreadable": 1}


def test_without_a_cache_none_is_made(student: str, audio: Path, tmp_path: Path) -> None:
    predict_audio(Path(student), [next(audio.iterdir())], tmp_path / "cache", PredictOptions())
    assert not (tmp_path / "cache").exists()


SCHEMA: dict[str, pl.DataType] = {"clip_id": pl.String(), "label": pl.Enum(["a", "b"])}


def rows_of(n: int) -> pl.DataFrame:
    return pl.DataFrame({"clip_id": [str(i) for i in range(n)], "label": ["ab"[i % 2] for i in range(n)]}, SCHEMA)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_rows_that_come_in_parts_are_one_table(tmp_path: Path, ending: str) -> None:
    """Seventy thousand: more than one row group of Parquet."""
    rows = rows_of(70_000)
    with writer_for(tmp_path / f"out{ending}", SCHEMA) as writer:
        for at in range(0, rows.height, 33_000):
            writer.write(rows[at : at + 33_000])
    found = READERS[ending](tmp_path / f"out{ending}", **({} if ending != ".csv" else {"infer_schema": False}))
    assert found.cast({"label": pl.String}).equals(rows.cast({"label": pl.String}))
    assert writer.told.labels == {"a": 35_000, "b": 35_000}


def test_an_error_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    with pytest.raises(pl.exceptions.ColumnNotFoundError), writer_for(out, SCHEMA) as writer:
        writer.write(rows_of(3).drop("label"))
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_the_screen_shows_the_first_hundred_and_counts_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    with writer_for(None, SCHEMA) as writer:
        writer.write(rows_of(60))
        writer.write(rows_of(1_060))
    told = capsys.readouterr().out
    assert told.count("│ a") + told.count("│ b") == 100
    assert "… and 1,020 more; --out FILE takes all of them" in told
