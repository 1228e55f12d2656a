"""The stage: `clips.parquet` → `draws/classifier.parquet`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import CheckpointError, ClipsError, TableError
from tasks.contracts.tables import draws_schema, p_columns
from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.logmel import LogMelSettings
from tasks.maths.threads import one_thread
from tasks.networks.folder import load_classifier
from tasks.storage.tables import read_table
from tasks.teachers.mc_dropout import MCDropoutSettings, draw_by_dropout

SmallRun = Any  # of conftest.py, which no test can import


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def by_audio(run: SmallRun, path: Path | None = None) -> pl.DataFrame:
    """The draws without names, in the order of the audio's content."""
    table = read_table(path or run.draws["classifier"], draws_schema(run.classes))
    return table.select("sha256", "draw", *p_columns(run.classes)).unique(["sha256", "draw"]).sort("sha256", "draw")


def assert_same_numbers(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert found.select("sha256", "draw").equals(expected.select("sha256", "draw"))
    np.testing.assert_allclose(found.drop("sha256", "draw"), expected.drop("sha256", "draw"), atol=1e-6)


def test_every_clip_has_k_answered_draws_in_order(small_run: SmallRun) -> None:
    table = read_table(small_run.draws["classifier"], draws_schema(small_run.classes))
    clips = pl.read_parquet(small_run.clips)
    assert table["clip_id"].to_list() == [clip_id for clip_id in clips["clip_id"] for _ in range(8)]
    assert table["draw"].to_list() == list(range(8)) * clips.height
    assert table["status"].unique().to_list() == ["answered"]
    assert table.join(clips, on=["clip_id", "sha256"]).height == table.height


def test_the_numbers_are_the_teachers_for_the_clips_audio(small_run: SmallRun) -> None:
    clips = pl.read_parquet(small_run.clips).sort("sha256")
    files = [AudioFile(s, small_run.folder / p, 1.0) for s, p in clips.select("sha256", "path").iter_rows()]
    head, _ = load_classifier(small_run.teacher.path)
    features = features_of(files, LogMelSettings(), small_run.features)
    expected_NKC = draw_by_dropout(head, features, clips["sha256"].to_list(), draws=8, seed=0)
    found = by_audio(small_run).select(p_columns(small_run.classes)).to_numpy()
    np.testing.assert_allclose(found, expected_NKC.reshape(-1, 4), atol=1e-6)


def test_it_counts_clips_and_draws(small_run: SmallRun, tmp_path: Path) -> None:
    assert small_run.draw(out=tmp_path / "c.parquet") == {"clips": 16, "draws": 128, "computed": 0}


def test_a_first_run_computes_all_draws_and_a_second_none(small_run: SmallRun, tmp_path: Path) -> None:
    given = {"mc_draws": tmp_path / "mc_draws", "out": tmp_path / "c.parquet"}
    assert [small_run.draw(**given)["computed"] for _ in range(2)] == [128, 0]
    assert (tmp_path / "c.parquet").read_bytes() == small_run.draws["classifier"].read_bytes()


def test_more_draws_cost_what_is_added_and_fewer_cost_nothing(small_run: SmallRun, tmp_path: Path) -> None:
    ten, three = (MCDropoutSettings(path=small_run.teacher.path, draws=draws) for draws in (10, 3))
    assert small_run.draw(teacher=ten, out=tmp_path / "10.parquet") == {"clips": 16, "draws": 160, "computed": 32}
    more = by_audio(small_run, tmp_path / "10.parquet")
    assert more.filter(pl.col("draw") < 8).equals(by_audio(small_run))
    assert small_run.draw(teacher=three, out=tmp_path / "3.parquet")["computed"] == 0
    assert by_audio(small_run, tmp_path / "3.parquet").equals(more.filter(pl.col("draw") < 3))


def test_a_new_clip_costs_its_own_draws(small_run: SmallRun, tmp_path: Path) -> None:
    fewer = pl.read_parquet(small_run.clips).filter(pl.col("clip_id") != "sad-0")
    fewer.write_parquet(tmp_path / "clips.parquet")
    given = {"mc_draws": tmp_path / "mc_draws", "out": tmp_path / "c.parquet"}
    assert small_run.draw(**given, clips_table=tmp_path / "clips.parquet")["computed"] == 120
    assert small_run.draw(**given)["computed"] == 8
    assert_same_numbers(by_audio(small_run, tmp_path / "c.parquet"), by_audio(small_run))


def test_a_retrained_classifier_has_draws_of_its_own(
    small_run: SmallRun, reordered_classifier: Path, tmp_path: Path
) -> None:
    """The same folder with other weights: earlier rows are not taken for its own."""
    folder = shutil.copytree(small_run.teacher.path, tmp_path / "classifier")
    teacher = MCDropoutSettings(path=folder)
    given = {"teacher": teacher, "mc_draws": tmp_path / "mc_draws", "out": tmp_path / "c.parquet"}
    assert [small_run.draw(**given)["computed"] for _ in range(2)] == [128, 0]
    shutil.copy(reordered_classifier / "model.safetensors", folder)
    assert small_run.draw(**given)["computed"] == 128


def test_a_moved_classifier_keeps_its_draws(small_run: SmallRun, tmp_path: Path) -> None:
    folder = shutil.copytree(small_run.teacher.path, tmp_path / "elsewhere")
    assert small_run.draw(teacher=MCDropoutSettings(path=folder), out=tmp_path / "c.parquet")["computed"] == 0
    assert (tmp_path / "c.parquet").read_bytes() == small_run.draws["classifier"].read_bytes()


def test_all_dropouts_are_refused_where_the_encoder_has_none(small_run: SmallRun, tmp_path: Path) -> None:
    teacher = MCDropoutSettings(path=small_run.teacher.path, dropout="all")
    with pytest.raises(CheckpointError, match="its encoder is logmel, which computes statistics and has no dropout"):
        small_run.draw(teacher=teacher, out=tmp_path / "c.parquet")


def test_a_repeated_run_writes_the_same_bytes_without_the_audio(small_run: SmallRun, tmp_path: Path) -> None:
    """All features are stored, so the encoder need not hear anything again."""
    small_run.draw(out=tmp_path / "c.parquet", folder=tmp_path / "gone")
    assert (tmp_path / "c.parquet").read_bytes() == small_run.draws["classifier"].read_bytes()


def test_a_renamed_clip_keeps_its_numbers(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    def rename(folder: Path) -> None:
        manifest = (folder / "manifest.csv").read_text()
        (folder / "audio" / "angry-0.wav").rename(folder / "audio" / "zebra.wav")
        renamed = manifest.replace("angry-0,audio/angry-0.wav", "zebra,audio/zebra.wav")
        (folder / "manifest.csv").write_text(renamed)

    renamed = make_small_run(tmp_path, edit=rename)
    assert "zebra" in pl.read_parquet(renamed.draws["classifier"])["clip_id"]
    assert_same_numbers(by_audio(renamed), by_audio(small_run))


def test_a_new_clip_does_not_change_the_others_rows(small_run: SmallRun, tmp_path: Path) -> None:
    some = pl.read_parquet(small_run.clips).filter(~pl.col("clip_id").str.starts_with("sad"))
    some.write_parquet(tmp_path / "clips.parquet")
    small_run.draw(clips_table=tmp_path / "clips.parquet", out=tmp_path / "c.parquet")
    fewer = by_audio(small_run, tmp_path / "c.parquet")
    assert fewer.height == 12 * 8
    assert_same_numbers(fewer, by_audio(small_run).filter(pl.col("sha256").is_in(some["sha256"].to_list())))


def test_the_same_recording_under_two_names_is_computed_once_and_written_twice(
    make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    def repeat(folder: Path) -> None:
        shutil.copy(folder / "audio" / "sad-0.wav", folder / "audio" / "again.wav")
        with (folder / "manifest.csv").open("a") as manifest:
            manifest.write("again,audio/again.wav,sad,nobody\n")

    run = make_small_run(tmp_path, edit=repeat)
    table = pl.read_parquet(run.draws["classifier"])
    first, again = (table.filter(clip_id=name).drop("clip_id") for name in ("sad-0", "again"))
    assert first.height == 8
    assert first.equals(again)
    assert run.draw()["draws"] == 128


def test_columns_are_the_pipelines_whatever_the_classifiers_order(
    small_run: SmallRun, reordered_classifier: Path, tmp_path: Path
) -> None:
    small_run.draw(teacher=MCDropoutSettings(path=reordered_classifier), out=tmp_path / "c.parquet")
    assert_same_numbers(by_audio(small_run, tmp_path / "c.parquet"), by_audio(small_run))


def test_the_pipelines_order_decides_the_order_of_the_columns(small_run: SmallRun, tmp_path: Path) -> None:
    classes = ["sad", "angry", "neutral", "happy"]
    small_run.draw(classes=classes, out=tmp_path / "c.parquet")
    turned = read_table(tmp_path / "c.parquet", draws_schema(classes))
    expected = pl.read_parquet(small_run.draws["classifier"])
    np.testing.assert_array_equal(turned.select(p_columns(classes)), expected.select(p_columns(classes)))


def test_another_seed_or_count_gives_other_draws(small_run: SmallRun, tmp_path: Path) -> None:
    teacher = MCDropoutSettings(path=small_run.teacher.path, seed=1, draws=3)
    assert small_run.draw(teacher=teacher, out=tmp_path / "c.parquet")["draws"] == 48
    first = by_audio(small_run).filter(pl.col("draw") < 3)
    difference = by_audio(small_run, tmp_path / "c.parquet")["p_sad"] - first["p_sad"]
    assert difference.abs().max() > 1e-3


def test_quarantined_clips_have_no_draws(make_small_run: Callable[..., SmallRun], tmp_path: Path) -> None:
    def spoil(folder: Path) -> None:
        (folder / "audio" / "angry-0.wav").write_bytes(b"not audio")

    run = make_small_run(tmp_path, edit=spoil)
    assert "angry-0" not in pl.read_parquet(run.draws["classifier"])["clip_id"]
    assert pl.read_parquet(run.draws["classifier"]).height == 15 * 8


def test_without_a_usable_clip_it_is_refused_with_the_reasons(small_run: SmallRun, tmp_path: Path) -> None:
    clips = pl.read_parquet(small_run.clips)
    bad = clips.with_columns(status=pl.lit("quarantined").cast(clips["status"].dtype), reason=pl.lit("silent"))
    bad.write_parquet(tmp_path / "clips.parquet")
    with pytest.raises(ClipsError, match="all 16 clips are quarantined: 16 × silent"):
        small_run.draw(clips_table=tmp_path / "clips.parquet", out=tmp_path / "c.parquet")
    assert not (tmp_path / "c.parquet").exists()


def test_without_a_classifier_or_clips_it_is_refused(small_run: SmallRun, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no classifier there"):
        small_run.draw(teacher=MCDropoutSettings(path=tmp_path), out=tmp_path / "c.parquet")
    with pytest.raises(TableError, match="no such table"):
        small_run.draw(clips_table=tmp_path / "clips.parquet", out=tmp_path / "c.parquet")
