"""`mifuse export`: the student of a pipeline that has run, in a folder of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import polars as pl
import pytest

from tasks.contracts.tables import p_columns
from tasks.encoders.logmel import LogMelSettings
from tasks.storage.audio import read_audio
from tests.flows.conftest import Project

CLASSES = ["angry", "happy", "neutral", "sad"]


@pytest.fixture(scope="module")
def exported(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "made"
    result = finished_project.mifuse("export", "small", str(folder), "--onnx")
    assert result.exit_code == 0, result.output
    return folder


def test_the_export_holds_a_card_the_student_and_onnx(exported: Path) -> None:
    files = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert files == {"README.md", "config.json", "model.safetensors", "onnx/head.onnx"}


def test_predict_takes_the_export_as_it_took_the_student(
    finished_project: Project, exported: Path, tmp_path: Path
) -> None:
    audio = str(finished_project.folder / "target" / "audio")
    for folder, out in [(exported, "exported.csv"), (finished_project.results / "student", "student.csv")]:
        assert finished_project.mifuse("predict", str(folder), audio, "--out", str(tmp_path / out)).exit_code == 0
    assert (tmp_path / "exported.csv").read_bytes() == (tmp_path / "student.csv").read_bytes()


def test_onnx_gives_the_students_predictions(finished_project: Project, exported: Path) -> None:
    own = pl.read_parquet(finished_project.results / "predictions.parquet")
    waves = [read_audio(finished_project.folder / "target" / path) for path in own["path"]]
    features = LogMelSettings().build().hear(waves).means_BLD().numpy()
    (probs_NC,) = onnxruntime.InferenceSession(exported / "onnx" / "head.onnx").run(None, {"features": features})
    assert abs(probs_NC - own.select(p_columns(CLASSES)).to_numpy()).max() < 1e-4


def test_the_card_tells_of_this_run(finished_project: Project, exported: Path) -> None:
    card = (exported / "README.md").read_text()
    ua = json.loads((finished_project.results / "metrics.json").read_text())["student"]["ua"]
    assert "# Speech emotion: small" in card
    assert f"| student | {100 * ua:.1f} ± " in card
    assert "steps: 30" in card
    assert "| LALM | `simulated`: rules of prosody on this machine, not a language model | `simulated" in card
    assert "| source classifier | `mc_dropout` | `logmel + head, float32` | 4 | audio |" in card


def test_nothing_of_this_machine_is_in_the_export(finished_project: Project, exported: Path) -> None:
    texts = [(exported / name).read_text() for name in ("README.md", "config.json")]
    assert not any(str(finished_project.folder) in text for text in texts)


def test_the_command_says_that_the_licence_is_missing_and_why_there_is_no_whole_model(
    finished_project: Project, tmp_path: Path
) -> None:
    told = finished_project.mifuse("export", "small", str(tmp_path / "made"), "--onnx").output
    assert "fill in the licence before you publish it" in told
    assert "logmel computes statistics, which ONNX has no words for: no model.onnx" in told


def test_without_onnx_none_is_written(finished_project: Project, tmp_path: Path) -> None:
    told = finished_project.mifuse("export", "small", str(tmp_path / "made")).output
    assert not (tmp_path / "made" / "onnx").exists()
    assert "onnx/" not in told + (tmp_path / "made" / "README.md").read_text()


def test_a_stale_pipeline_is_refused(project: Project, tmp_path: Path) -> None:
    project.change(student={"kind": "mi_fuse", "recipe": "paper", "steps": 31})
    result = project.mifuse("export", "small", str(tmp_path / "made"))
    assert result.exit_code == 2
    assert "small: train_student is stale: student.steps: 30 → 31." in result.output
    assert "`mifuse run small` first." in result.output
    assert not (tmp_path / "made").exists()


def test_a_folder_that_holds_something_is_refused(finished_project: Project, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("content")
    result = finished_project.mifuse("export", "small", str(tmp_path))
    assert result.exit_code == 2
    assert f"error: {tmp_path}: there is something already. Give a new folder, or empty this one." in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_onnx_without_its_packages_is_refused_before_anything_is_written(
    finished_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = finished_project.mifuse("export", "small", str(tmp_path / "made"), "--onnx")
    assert result.exit_code == 2
    assert "Run `pip install 'mifuse[onnx]'`." in result.output
    assert not (tmp_path / "made").exists()


def test_a_pipeline_without_gold_has_a_card_without_scores(
    project: Project, tmp_path: Path, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    pl.read_csv(manifest).drop("label").write_csv(manifest)
    assert project.mifuse("run", "small").exit_code == 0
    assert project.mifuse("export", "small", str(tmp_path / "made")).exit_code == 0
    assert b"Not known. There were no gold labels" in contents(tmp_path / "made")["README.md"]
