"""Each mistake of a user ends in exit code 2 and one block that names it; nothing already computed is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.flows.conftest import SETTINGS, Project

Contents = Callable[[Path], dict[str, bytes]]


def refused(project: Project, contents: Contents, *words: str) -> str:
    """What was printed; the results are as before and no traceback was shown."""
    before = contents(project.results)
    result = project.mifuse(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert result.output.count("error:") == 1
    assert contents(project.results) == before
    return result.output


def test_no_such_pipeline(project: Project, contents: Contents) -> None:
    assert 'no pipeline "smal". Known: small.' in refused(project, contents, "run", "smal")


def test_no_such_pipelines_file(project: Project, contents: Contents) -> None:
    (project.folder / "pipelines.yaml").unlink()
    assert "no such file. Give one with --pipelines FILE" in refused(project, contents, "run", "small")


def test_an_unknown_key(project: Project, contents: Contents) -> None:
    project.change(fuze={"kind": "equal"})
    told = refused(project, contents, "run", "small")
    assert 'pipeline "small", 1 mistake:' in told
    assert 'fuze: unknown setting. Did you mean "fuse"?' in told


def test_a_missing_audio_folder(project: Project, contents: Contents) -> None:
    project.change(clips={"folder": "nowhere"})
    assert "nowhere: no such folder of audio. Set clips.folder" in refused(project, contents, "run", "small")


def test_a_manifest_that_names_missing_files(project: Project, contents: Contents) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("audio/", "audio/x", 1))
    told = refused(project, contents, "run", "small")
    assert "1 of 24 files are not in" in told
    assert "Paths are relative to clips.folder" in told


def test_a_manifest_with_duplicate_ids(project: Project, contents: Contents) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines, lines[1]]) + "\n")
    told = refused(project, contents, "run", "small")
    assert "1 clip ids occur more than once" in told
    assert "Make clip_id unique" in told


def test_a_missing_key_for_a_paid_model(project: Project, contents: Contents) -> None:
    lalm = {"kind": "gemini", "draws": 3, "max_cost_usd": 1}
    project.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    assert "no API key. Set GEMINI_API_KEY or GOOGLE_API_KEY" in refused(project, contents, "run", "small")


def test_a_classifier_for_other_classes(project: Project, contents: Contents) -> None:
    project.change(classes=["angry", "happy", "neutral", "fearful"])
    told = refused(project, contents, "run", "small")
    assert "the classifier's classes are angry, happy, neutral, sad; the pipeline's are angry, happy" in told
    assert "If it does not know fearful, say so: `lacks: [fearful]`" in told


def test_a_missing_classifier(project: Project, contents: Contents) -> None:
    (project.folder / "classifier" / "config.json").unlink()
    told = refused(project, contents, "run", "small")
    assert "no classifier there (expected config.json and model.safetensors)" in told
    assert "mifuse train-source" in told


def test_all_clips_quarantined(project: Project) -> None:
    silent = project.folder / "silent"
    silent.mkdir()
    for name in ("a", "b"):
        soundfile.write(silent / f"{name}.wav", np.zeros(16_000), 16_000)
    project.change(clips={"folder": "silent"})
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "all 2 clips are quarantined: 2 × silent: -120.0 dBFS, at least -70 are needed" in result.output


def test_all_clips_quarantined_keeps_the_paid_answers(project: Project) -> None:
    project.change(clips=SETTINGS["clips"] | {"min_duration_s": 50})
    assert project.mifuse("run", "small").exit_code == 2
    project.change(clips=SETTINGS["clips"])
    assert project.stages_run(project.mifuse("run", "small")) == []


@pytest.mark.parametrize("command", ["status", "plan"])
def test_to_look_needs_no_cache_that_can_be_written(project: Project, command: str) -> None:
    (project.folder / "a-file").touch()
    result = project.mifuse(command, "small", "--cache", str(project.folder / "a-file" / "cache"))
    assert result.exit_code == 0
    assert "has not run yet" in result.output


def test_a_cache_that_cannot_be_written(project: Project) -> None:
    file = project.folder / "a-file"
    file.touch()
    result = project.mifuse("run", "small", "--cache", str(file / "cache"))
    assert result.exit_code == 2
    assert "cannot be written" in result.output
    assert "Give another cache folder with --cache DIR or MIFUSE_CACHE" in result.output


def test_a_table_that_is_no_parquet_is_made_again(project: Project) -> None:
    (project.results / "pseudo_labels.parquet").write_text("not a table")
    assert project.stages_run(project.mifuse("run", "small")) == ["fuse_labels"]


def test_train_source_does_not_overwrite_a_classifier(project: Project, contents: Contents) -> None:
    told = refused(project, contents, "train-source", "small")
    assert "holds a classifier already. Train it again with --force, or change its path" in told


def test_train_source_without_a_source(project: Project, contents: Contents) -> None:
    project.change(source=None)
    assert "no `source:`; train-source needs labelled audio" in refused(project, contents, "train-source", "small")


def test_train_source_without_clips_of_a_class(project: Project, contents: Contents) -> None:
    project.change(classes=["angry", "happy", "neutral", "bored"])
    told = refused(project, contents, "train-source", "small", "--force")
    assert "no clip is labelled bored. Labels found: angry, happy, neutral, sad" in told


def test_report_before_the_first_run(project: Project, contents: Contents) -> None:
    (project.results / "metrics.json").unlink()
    assert "no report yet. `mifuse run small` makes it" in refused(project, contents, "report", "small")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--where", "nothing > 1"], "--where:"),
        (["--sort", "nothing"], '--sort: no column "nothing"'),
    ],
)
def test_inspect_refuses_what_the_table_does_not_have(
    project: Project, contents: Contents, options: list[str], told: str
) -> None:
    assert told in refused(project, contents, "inspect", "small", *options)


def test_a_mistake_found_by_a_stage_shows_no_traceback(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    project.change(clips=SETTINGS["clips"] | {"min_duration_s": 50})
    project.mifuse("run", "small")
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_gold_table_without_its_columns(project: Project, contents: Contents) -> None:
    gold: dict[str, Any] = {"clip": "a", "emotion": "angry"}
    (project.folder / "gold.jsonl").write_text(json.dumps(gold))
    project.change(evaluate={"gold": "gold.jsonl"})
    told = refused(project, contents, "run", "small")
    assert "gold labels need the columns clip_id and label; missing: ['clip_id', 'label']" in told
