"""Draws, training and evaluation of a classifier that reads transcripts: what is said is an input like the audio."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.contracts.tables import clips_schema, draws_schema, p_columns
from tasks.fuse_labels import ClipsEncoder
from tasks.maths.threads import one_thread
from tasks.networks.config import read_config
from tasks.storage.clips import each_audio_once, read_usable_clips, transcripts_of
from tasks.storage.tables import read_table, write_table
from tasks.teachers.mc_dropout import MCDropoutSettings
from tests.networks.text_classifiers import save_text_classifier

SmallRun = Any  # of conftest.py, which no test can import
CLASSES = ["angry", "happy", "neutral", "sad"]
SAID = ["oh no", "yes please", None, "perhaps"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> MCDropoutSettings:
    folder = tmp_path_factory.mktemp("text")
    return MCDropoutSettings(path=save_text_classifier(folder / "classifier", folder / "model"), draws=3)


def with_transcripts(run: SmallRun, path: Path, **changed: str | None) -> Path:
    """The run's clips with something said in three of four; `changed`: clip_id → transcript."""
    clips = read_table(run.clips, clips_schema())
    names = clips["clip_id"].to_list()
    said = [changed.get(name.replace("-", "_"), SAID[n % 4]) for n, name in enumerate(names)]
    write_table(path, clips.with_columns(transcript=pl.Series(said, dtype=pl.String)), clips_schema())
    return path


def drawn(run: SmallRun, path: Path) -> pl.DataFrame:
    table = read_table(path, draws_schema(run.classes))
    return table.select("clip_id", "draw", *p_columns(run.classes)).sort("clip_id", "draw")


class Drawing:
    """Draws of one teacher, kept in one place."""

    def __init__(self, run: SmallRun, teacher: MCDropoutSettings, folder: Path) -> None:
        self._run, self._folder = run, folder
        self._given = {"teacher": teacher, "mc_draws": folder / "mc_draws"}

    def __call__(self, name: str, **changed: str | None) -> tuple[dict[str, Any], pl.DataFrame]:
        clips = with_transcripts(self._run, self._folder / f"clips-{name}.parquet", **changed)
        out = self._folder / f"{name}.parquet"
        return self._run.draw(clips_table=clips, out=out, **self._given), drawn(self._run, out)


@pytest.fixture
def draw(small_run: SmallRun, teacher: MCDropoutSettings, tmp_path: Path) -> Drawing:
    return Drawing(small_run, teacher, tmp_path)


def test_clips_without_a_transcript_are_counted(draw: Drawing) -> None:
    stats, _ = draw("first")
    assert stats == {"clips": 16, "draws": 48, "computed": 48, "without_transcript": 4}


def test_the_same_transcripts_cost_nothing(draw: Drawing) -> None:
    first, again = draw("first"), draw("again")
    assert again[0]["computed"] == 0
    assert again[1].equals(first[1])


def test_a_changed_transcript_draws_its_clip_alone_again(draw: Drawing) -> None:
    (_, before), (stats, after) = draw("first"), draw("second", angry_1="something else")
    assert stats["computed"] == 3
    same = before.filter(pl.col("clip_id") != "angry-1")
    assert after.filter(pl.col("clip_id") != "angry-1").equals(same)
    numbers = [table.filter(pl.col("clip_id") == "angry-1").select(p_columns(CLASSES)) for table in (before, after)]
    assert np.abs(numbers[0].to_numpy() - numbers[1].to_numpy()).max() > 1e-6


def test_going_back_to_a_transcript_costs_nothing(draw: Drawing) -> None:
    _, before = draw("first")
    draw("second", angry_1="something else")
    stats, after = draw("back")
    assert stats["computed"] == 0
    assert after.equals(before)


def test_space_around_a_transcript_is_no_other_transcript(draw: Drawing) -> None:
    draw("first")
    stats, _ = draw("second", angry_1=" yes please\n")
    assert stats["computed"] == 0


def test_who_does_not_read_it_draws_nothing_again(small_run: SmallRun, tmp_path: Path) -> None:
    clips = with_transcripts(small_run, tmp_path / "clips.parquet")
    assert small_run.draw(clips_table=clips, out=tmp_path / "out.parquet")["computed"] == 0


def test_the_student_reads_what_is_said(small_run: SmallRun, teacher: MCDropoutSettings, tmp_path: Path) -> None:
    """Other transcripts make another student, of the same encoder."""
    weights = []
    for name, changed in (("one", {}), ("other", {"angry_1": "something else"})):
        clips = with_transcripts(small_run, tmp_path / f"{name}.parquet", **changed)
        small_run.draw(teacher=teacher, mc_draws=tmp_path, clips_table=clips, out=tmp_path / f"{name}-draws.parquet")
        draws = {"lalm": small_run.draws["lalm"], "classifier": tmp_path / "one-draws.parquet"}
        small_run.train(tmp_path / name, classifier=teacher, clips=clips, draws=draws)
        weights.append((tmp_path / name / "student" / "model.safetensors").read_bytes())
    assert weights[0] != weights[1]
    assert read_config(tmp_path / "one" / "student").encoder == read_config(teacher.path).encoder


def stores_in(features: Path) -> set[str]:
    return {folder.name.split("-")[0] for folder in features.iterdir()}


def test_statistics_are_of_the_audio_alone(small_run: SmallRun, teacher: MCDropoutSettings, tmp_path: Path) -> None:
    """The same as of a classifier that hears the audio and nothing else; no transcript is read for them."""
    for name, given in (("text", {"teacher": teacher}), ("audio", {})):
        small_run.estimate(tmp_path / f"{name}.parquet", features=tmp_path / "features", **given)
    assert pl.read_parquet(tmp_path / "text.parquet").equals(pl.read_parquet(tmp_path / "audio.parquet"))
    assert stores_in(tmp_path / "features") == {"logmel"}


def test_a_rule_sees_the_audio_alone(small_run: SmallRun, teacher: MCDropoutSettings, tmp_path: Path) -> None:
    once = each_audio_once(read_usable_clips(small_run.clips))
    found = ClipsEncoder(teacher, small_run.folder, tmp_path).features_of(once)
    assert len(found) == 16
    assert stores_in(tmp_path) == {"logmel"}


def test_two_transcripts_of_one_recording_are_none() -> None:
    """Whichever of its names comes first."""
    clips = pl.DataFrame({"sha256": ["a", "a", "b", "b", "c"], "transcript": ["yes", "no", "yes", None, ""]})
    assert transcripts_of(clips, ["a", "b", "c", "d"]) == [None, "yes", None, None]
