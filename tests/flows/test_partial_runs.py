"""Runs of a part of the DAG, results with work left, and mistakes that are found before anything is paid."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import polars as pl
import pytest
import yaml

from tasks.query_lalm import query_lalm
from tasks.teachers.loopback.server import running_server
from tasks.teachers.simulated import SimulatedSettings
from tests.flows.conftest import SETTINGS, Project

PAID = {"kind": "gemini", "draws": 3, "max_cost_usd": 0.9, "seed": 1, "limits": {"concurrency": 4, "attempts": 1}}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "any")


def student_bytes(project: Project) -> bytes:
    return (project.results / "student" / "model.safetensors").read_bytes()


def test_a_failed_draw_is_used_around_and_asked_again_by_the_next_run(
    project: Project, key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.change(teachers=SETTINGS["teachers"] | {"lalm": PAID})
    with running_server(faults="503*3") as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        assert project.mifuse("run", "small").exit_code == 0
        assert "3 draws failed and are asked again" in project.mifuse("status", "small").output
        before = server.requests
        result = project.mifuse("run", "small")
        assert result.exit_code == 0
        assert server.requests == before + 3
    assert "fuse_labels" in project.stages_run(result)
    assert "everything is fresh" in project.mifuse("run", "small").output


def test_a_part_of_the_dag_works_on_what_its_record_says(project: Project) -> None:
    """Going back to earlier settings and then training alone must not train on what was shown in between."""
    right = student_bytes(project)
    project.change(fuse={"kind": "equal"})
    project.mifuse("run", "small")
    shutil.rmtree(project.cache / "store" / "train_student")
    project.change(fuse=SETTINGS["fuse"])
    assert project.mifuse("run", "small", "--only", "train_student").exit_code == 0
    assert student_bytes(project) == right


def test_from_a_later_stage_takes_up_the_kept_earlier_ones(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    whole = manifest.read_text()
    manifest.write_text("\n".join(whole.splitlines()[:12]) + "\n")
    project.mifuse("run", "small")
    manifest.write_text(whole)
    assert project.mifuse("run", "small", "--from", "query_lalm").exit_code == 0
    assert pl.read_parquet(project.results / "draws" / "lalm.parquet").height == 24 * 3


def test_only_a_fresh_stage_says_what_is_stale_instead_of_an_old_table(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    told = project.mifuse("run", "small", "--only", "index_clips").output
    assert "index_clips: fresh; nothing to run" in told
    assert "still stale: fuse_labels, train_student, evaluate_student" in told
    assert "source classifier" not in told


def test_force_of_a_stage_that_is_left_out_is_refused(project: Project) -> None:
    result = project.mifuse("run", "small", "--only", "index_clips", "--force", "fuse_labels")
    assert result.exit_code == 2
    assert "fuse_labels: forced, but left out by --only or --from" in result.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"classes": ["angry", "happy", "neutral", "fear"]}, "the classifier's classes are"),
        ({"evaluate": {"gold": "nowhere.csv"}}, "no such file of gold labels. Set evaluate.gold, or take it away"),
    ],
)
def test_a_mistake_of_a_later_stage_is_told_before_anything_is_asked(
    project: Project, change: dict[str, object], told: str
) -> None:
    shutil.rmtree(project.cache)
    project.change(**change)
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert told in result.output
    assert not (project.results / "clips.parquet").exists()


def test_a_class_that_the_simulated_model_does_not_know_is_told_before_it_is_asked(project: Project) -> None:
    config = project.folder / "classifier" / "config.json"
    config.write_text(config.read_text().replace("angry", "grumbly"))
    project.change(classes=["grumbly", "happy", "neutral", "sad"])
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert 'class "grumbly" has no place in arousal and valence' in result.output


def test_a_missing_manifest_is_an_error_and_no_traceback(project: Project) -> None:
    (project.folder / "target" / "manifest.csv").unlink()
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "manifest.csv: no such file" in result.output


def test_status_tells_a_mistake_as_the_reason_of_its_stage(project: Project) -> None:
    (project.folder / "classifier" / "config.json").unlink()
    result = project.mifuse("status", "small")
    assert result.exit_code == 0
    assert "no classifier there" in result.output
    assert "index_clips              fresh" in result.output


def test_a_mistake_in_one_pipeline_does_not_stop_another(project: Project) -> None:
    file = project.folder / "pipelines.yaml"
    content = yaml.safe_load(file.read_text())
    content["pipelines"]["bad"] = {"clips": {}}
    file.write_text(yaml.safe_dump(content))
    assert "everything is fresh" in project.mifuse("run", "small").output
    assert project.mifuse("check").exit_code == 2


def test_a_record_that_was_edited_counts_as_none(project: Project) -> None:
    record = project.results / ".records" / "fuse_labels.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"outputs": []}))
    assert "has not run yet" in project.mifuse("status", "small").output


def test_gold_labels_that_are_none_of_the_classes_are_refused(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    text = manifest.read_text()
    for name in SETTINGS["classes"]:
        text = text.replace(f",{name},", f",{name.upper()},")
    manifest.write_text(text)
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "none of the 24 gold labels is one of the classes" in result.output
    assert "Rename them with clips.labels" in result.output


def test_a_prefect_server_that_is_not_there_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.change(fuse={"kind": "equal"})
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "no Prefect server answers there" in result.output


def test_two_runs_at_once_pay_for_each_answer_once(tmp_path: Path, project: Project) -> None:
    teacher, totals = SimulatedSettings(draws=4, seed=77), []

    def ask(name: str) -> None:
        stats = query_lalm.fn(
            "lalm",
            teacher,
            SETTINGS["classes"],
            project.results / "clips.parquet",
            project.folder / "target",
            project.cache / "answers",
            tmp_path / f"{name}.parquet",
        )
        totals.append(stats["calls"])

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(totals) == [0, 24 * 4]
