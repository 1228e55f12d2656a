"""The encoder's work in shards: by one worker and by several, kept row by row, gone on with after a kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from flows.settings import read_pipelines
from flows.shards import compute_missing_draws
from tasks.contracts.errors import ClipsError
from tasks.contracts.runner import DaskRunner
from tasks.encoders.shards import count_shards
from tasks.mc_dropout import files_of
from tasks.networks.config import read_config
from tasks.storage.clips import read_usable_clips
from tasks.teachers.shards import draw_job
from tests.flows.conftest import Project
from tests.flows.wavlm import (
    copy_of,
    draw,
    make_indexed,
    record_noise,
    save_wavlm,
    save_wavlm_classifier,
    table,
    write_pipeline,
)
from tests.waiting import wait_for

CLIPS, DRAWS = 12, 4


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_indexed(tmp_path_factory.mktemp("wavlm"), CLIPS)


@pytest.fixture(scope="module")
def drawn(indexed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """`dropout: all` by one worker of this process. Not to be changed: see `wavlm_project`."""
    project = copy_of(indexed, tmp_path_factory.mktemp("drawn"))
    assert draw(project) == CLIPS * DRAWS
    return project


@pytest.fixture
def wavlm_project(drawn: Project, tmp_path: Path) -> Project:
    return copy_of(drawn, tmp_path)


def test_several_threads_write_the_same_bytes_as_one(drawn: Project, indexed: Project, tmp_path: Path) -> None:
    project = copy_of(indexed, tmp_path)
    assert draw(project, runner={"kind": "threads", "workers": 3}) == CLIPS * DRAWS
    assert table(project).read_bytes() == table(drawn).read_bytes()


def test_other_batches_give_the_same_draws_within_a_millionth(drawn: Project, indexed: Project, tmp_path: Path) -> None:
    project = copy_of(indexed, tmp_path)
    draw(project, batch_seconds=240)
    found, expected = (pl.read_parquet(table(each)) for each in (project, drawn))
    assert found.select("clip_id", "draw").equals(expected.select("clip_id", "draw"))
    for name in ("p_angry", "p_happy", "p_sad"):
        assert (found[name] - expected[name]).abs().max() < 1e-6


def test_all_dropouts_give_other_draws_than_the_heads_alone(drawn: Project, wavlm_project: Project) -> None:
    draw(wavlm_project, dropout="head")
    difference = pl.read_parquet(table(wavlm_project))["p_sad"] - pl.read_parquet(table(drawn))["p_sad"]
    assert difference.abs().min() > 1e-6


def test_a_new_clip_costs_its_own_draws(drawn: Project, wavlm_project: Project, tmp_path: Path) -> None:
    record_noise(tmp_path / "more", CLIPS + 1)
    manifest = wavlm_project.folder / "target" / "manifest.csv"
    shutil.copy(tmp_path / "more" / "audio" / f"{CLIPS}.wav", manifest.parent / "audio")
    manifest.write_text(manifest.read_text() + f"audio/{CLIPS}.wav\n")
    assert wavlm_project.mifuse("run", "small", "--only", "index_clips").exit_code == 0
    assert draw(wavlm_project) == DRAWS
    assert pl.read_parquet(table(wavlm_project)).head(CLIPS * DRAWS).equals(pl.read_parquet(table(drawn)))


def test_more_draws_cost_what_is_added_and_fewer_cost_nothing(drawn: Project, wavlm_project: Project) -> None:
    assert draw(wavlm_project, draws=6) == 2 * CLIPS
    six = pl.read_parquet(table(wavlm_project))
    assert six.filter(pl.col("draw") < DRAWS).equals(pl.read_parquet(table(drawn)))
    assert draw(wavlm_project, draws=3) == 0
    assert pl.read_parquet(table(wavlm_project)).equals(six.filter(pl.col("draw") < 3))


def test_another_seed_and_another_classifier_have_draws_of_their_own(wavlm_project: Project) -> None:
    assert draw(wavlm_project, seed=1) == CLIPS * DRAWS
    save_wavlm_classifier(wavlm_project.folder / "other", save_wavlm(wavlm_project.folder / "wavlm"), seed=1)
    assert draw(wavlm_project, path="other") == CLIPS * DRAWS
    assert len(list((wavlm_project.cache / "mc_draws").iterdir())) == 3


@pytest.mark.parametrize("dropout", ["all", "head"])
def test_attentive_pooling_gives_the_same_draws_in_other_batches_and_with_frames_heard_anew(
    indexed: Project, tmp_path: Path, dropout: str
) -> None:
    project = copy_of(indexed, tmp_path)
    encoder = indexed.folder / "wavlm"
    for frames in ("store", "recompute"):
        save_wavlm_classifier(project.folder / frames, encoder, pooling="attentive", frames=frames)
    assert draw(project, path="store", dropout=dropout) == CLIPS * DRAWS
    stored = pl.read_parquet(table(project))
    shutil.rmtree(project.cache / "mc_draws")
    shutil.rmtree(project.cache / "store" / "mc_dropout")
    assert draw(project, path="recompute", dropout=dropout, batch_seconds=240) == CLIPS * DRAWS
    again = pl.read_parquet(table(project))
    assert again.select("clip_id", "draw").equals(stored.select("clip_id", "draw"))
    assert (again["p_sad"] - stored["p_sad"]).abs().max() < 1e-6


def test_the_table_says_which_encoder_it_was(drawn: Project) -> None:
    versions = pl.read_parquet(table(drawn))["model_version"].unique().to_list()
    assert len(versions) == 1
    assert versions[0].startswith("encoder ")
    assert versions[0].endswith(" + head, float32")
    assert str(drawn.folder) not in versions[0]


def test_a_mistake_in_a_worker_is_raised_as_such_and_other_shards_are_kept(indexed: Project, tmp_path: Path) -> None:
    """The shortest clip, which is computed last, is changed after it was indexed."""
    project = copy_of(indexed, tmp_path)
    teacher = read_pipelines(project.folder / "pipelines.yaml")["small"].classifier
    files = files_of(read_usable_clips(project.results / "clips.parquet"), project.folder / "target")
    shortest = min(files, key=lambda file: file.duration_s)
    shortest.path.write_bytes(files[-1].path.read_bytes() + b"more")
    job = draw_job(teacher, read_config(teacher.path), None, tmp_path / "mc_draws")
    with pytest.raises(ClipsError, match=rf"{shortest.path.name}: has changed since it was indexed\. Run again"):
        compute_missing_draws(job, files, tmp_path / "work")
    shards, _ = count_shards(tmp_path / "work" / "plan.parquet")
    assert len(list(job.kept.iterdir())) == shards - 1 > 2


def test_where_nothing_is_missing_nothing_is_started(drawn: Project, tmp_path: Path) -> None:
    """Not even a plan is written, and a runner that could not start is not asked to."""
    teacher = read_pipelines(drawn.folder / "pipelines.yaml")["small"].classifier
    elsewhere = teacher.model_copy(update={"runner": DaskRunner(address="tcp://127.0.0.1:9")})
    files = files_of(read_usable_clips(drawn.results / "clips.parquet"), drawn.folder / "target")
    job = draw_job(elsewhere, read_config(teacher.path), None, drawn.cache / "mc_draws")
    assert compute_missing_draws(job, files, tmp_path / "work") == []
    assert not (tmp_path / "work").exists()


def test_an_encoder_without_dropout_is_refused(indexed: Project, tmp_path: Path) -> None:
    project = copy_of(indexed, tmp_path)
    save_wavlm_classifier(project.folder / "still", save_wavlm(project.folder / "still-wavlm", dropout=0))
    write_pipeline(project.folder, path="still")
    result = project.mifuse("run", "small", "--only", "mc_dropout")
    assert result.exit_code == 2
    assert "still-wavlm: all dropouts in this encoder's config.json are 0" in result.output
    assert "Set `dropout: head`" in result.output


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was_and_writes_the_same_bytes(
    drawn: Project, indexed: Project, tmp_path: Path
) -> None:
    project = copy_of(indexed, tmp_path)
    write_pipeline(project.folder)
    words = ["run", "small", "--only", "mc_dropout", "--pipelines", str(project.folder / "pipelines.yaml")]
    command = [sys.executable, "-m", "flows", *words, "--cache", str(project.cache)]
    run = subprocess.Popen(command, start_new_session=True)  # Prefect's temporary server is killed with it
    wait_for(lambda: list(project.cache.glob("mc_draws/*/[!.]*.parquet")), run, every_s=0.002)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    done = sum(pl.read_parquet(path).height for path in project.cache.glob("mc_draws/*/[!.]*.parquet"))
    assert 0 < done < CLIPS * DRAWS
    assert draw(project) == CLIPS * DRAWS - done
    assert table(project).read_bytes() == table(drawn).read_bytes()
