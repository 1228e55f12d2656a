"""A student from a cohort with a text encoder: through the whole DAG, and stale exactly when what it hears changes."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from flows.dag import nodes_of
from flows.settings import read_pipelines
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.storing import store_folder
from tests.encoders.text_models import save_text_model
from tests.flows.cache.project import fill, mifuse_cache
from tests.flows.conftest import Project
from tests.flows.wavlm import save_wavlm

STUDENT: dict[str, Any] = {"kind": "cohort", "member_steps": 10, "distil_steps": 10}
TEXT = {"kind": "text", "model": "text"}


def say(project: Project, word: str) -> None:
    """Every second clip gets a transcript."""
    manifest = project.folder / "target" / "manifest.csv"
    rows = pl.read_csv(manifest)
    said = [f"{word} {n % 5}" if n % 2 else None for n in range(rows.height)]
    rows.with_columns(pl.Series("transcript", said, pl.String())).write_csv(manifest)


def node(project: Project, **student: Any) -> Any:
    project.change(student=STUDENT | student)
    settings = read_pipelines(project.folder / "pipelines.yaml")["small"]
    [found] = [each for each in nodes_of("small", settings, project.cache) if each.name == "train_student"]
    return found


def columns(found: Any) -> tuple[str, ...]:
    [read] = [each for each in found.reads if each.output == "clips.parquet"]
    return read.columns


@pytest.mark.slow
def test_it_runs_through_and_is_stale_when_a_transcript_changes(project: Project) -> None:
    say(project, "well")
    save_text_model(project.folder / "text")
    project.change(student=STUDENT | {"representations": [TEXT]})
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    members = pl.read_parquet(project.results / "student" / "cohort.parquet")["member"].to_list()
    assert "classifier: raw + text: 16 components" not in members  # 16 features have no fewer components
    assert "classifier: raw + text: raw" in members
    one = next((project.folder / "target").rglob("*.wav"))
    assert project.mifuse("predict", str(project.results / "student"), str(one)).exit_code == 0
    say(project, "badly")
    assert "train_student" in project.stages_run(project.mifuse("run", "small"))


def test_the_plan_counts_what_further_encoders_have_not_heard(project: Project) -> None:
    save_wavlm(project.folder / "wavlm")
    project.change(student=STUDENT | {"representations": [{"kind": "huggingface", "model": "wavlm"}]})
    assert "steps on 24 clips, 24 clips for further encoders to hear" in project.mifuse("plan", "small").output
    project.mifuse("run", "small")
    project.change(student=STUDENT | {"representations": [{"kind": "huggingface", "model": "wavlm"}], "seed": 1})
    told = project.mifuse("plan", "small").output
    assert "steps on 24 clips" in told
    assert "to hear" not in told


def test_who_speaks_and_what_is_said_are_inputs_where_somebody_asks(project: Project) -> None:
    save_text_model(project.folder / "text")
    assert columns(node(project)) == ("sha256", "speaker", "status")
    assert columns(node(project, labels="fused")) == ("sha256", "speaker", "status")
    assert columns(node(project, representations=[TEXT])) == ("sha256", "speaker", "transcript", "status")


def test_another_encoder_in_the_same_folder_is_another_input(project: Project) -> None:
    save_text_model(project.folder / "text")
    found = node(project, representations=[TEXT])
    before = found.outside()
    save_text_model(project.folder / "text", seed=1)
    assert found.outside()["representations"] != before["representations"]
    assert found.outside()["classifier"] == before["classifier"]


def test_the_same_encoder_in_another_folder_is_the_same_input(project: Project) -> None:
    for folder in ("text", "elsewhere"):
        save_text_model(project.folder / folder)
    one, other = (node(project, representations=[TEXT | {"model": name}]) for name in ("text", "elsewhere"))
    assert one.settings == other.settings
    assert one.outside() == other.outside()


def test_an_encoder_that_is_not_there_is_told_before_anything_runs(project: Project) -> None:
    (project.folder / "text").mkdir()
    project.change(student=STUDENT | {"representations": [TEXT]})
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "no text encoder there (config.json is missing)" in result.output


def test_features_of_its_encoders_are_in_use(project: Project) -> None:
    encoder = {"kind": "huggingface", "model": "org/speech", "revision": "1a2b"}
    kept = fill(store_folder(HuggingFaceSettings.model_validate(encoder), project.cache / "features"))
    project.change(student=STUDENT | {"representations": [encoder]})
    mifuse_cache(project, "rm", "--unused", "--yes")
    assert kept.exists()
    project.change(student=STUDENT)
    mifuse_cache(project, "rm", "--unused", "--yes")
    assert not kept.exists()
