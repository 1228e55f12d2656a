"""`student.processes`: several processes under `accelerate launch` train the student that one would."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from flows.train_job import TrainJob, check_accelerate, train_in_processes
from tasks.contracts.errors import TrainingError
from tasks.encoders.features import AudioFile
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.maths.threads import one_thread
from tasks.networks.predict import predict_files
from tasks.students.mi_fuse import MIFuseSettings
from tasks.train_student import train_student
from tests.flows.conftest import Project
from tests.flows.wavlm import CLASSES, draw, make_indexed
from tests.waiting import wait_for

STEPS = 52  # a checkpoint is written after 50
TUNED = {"recipe": "paper", "trainable": {"top": 1}, "steps": STEPS, "batch_size": 5, "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The processes' too."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with one_thread():
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Up to the pseudo-labels."""
    project = make_indexed(tmp_path_factory.mktemp("processes") / "project", clips=8)
    draw(project, dropout="head")
    for stage in ("query_lalm", "fuse_labels"):
        assert project.mifuse("run", "small", "--yes", "--only", stage).exit_code == 0
    return project


def arguments_of(project: Project, to: Path, **student: Any) -> dict[str, Any]:
    """Of the stage."""
    from flows.settings import read_pipelines

    settings = read_pipelines(project.folder / "pipelines.yaml")["small"]
    return {
        "student": MIFuseSettings.model_validate(TUNED | student),
        "rule": MutualInformationRule(),
        "classifier": settings.classifier,
        "classifier_name": "classifier",
        "pseudo_labels": project.results / "pseudo_labels.parquet",
        "folder": settings.clips.folder,
        "draws": {name: project.results / "draws" / f"{name}.parquet" for name in ("lalm", "classifier")},
        "features": project.cache / "features",
        "work": to / "work",
        "out": to / "student",
        "statistics": None,
        "seen": None,
        "clips": project.results / "clips.parquet",
    }


def checkpoint(to: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(to / "work" / "checkpoint.pt", weights_only=True)
    return found


def predicted(project: Project, student: Path, to: Path) -> np.ndarray[Any, Any]:
    clips = pl.read_parquet(project.results / "clips.parquet").sort("sha256")
    rows = clips.select("sha256", "path", "duration_s").iter_rows()
    files = [AudioFile(sha256, project.folder / "target" / path, seconds) for sha256, path, seconds in rows]
    return predict_files(student, files, to / "features of student")[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_give_the_same_moving_teacher_and_metrics_as_one(project: Project, tmp_path: Path) -> None:
    """Five clips a step, so that one has three of them and the other two, in micro-batches."""
    one, two = tmp_path / "one", tmp_path / "two"
    told = train_student.fn(**arguments_of(project, one))
    assert train_in_processes(2, **arguments_of(project, two, accumulate=2, processes=2)) == told
    for part in ("teacher", "student"):
        state = [checkpoint(to)["state"] for to in (one, two)]
        weights = [each["labels"]["teacher"] if part == "teacher" else each["student"] for each in state]
        assert len(weights[0]) > 10
        for expected, found in zip(*weights, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    curves = [pl.read_parquet(to / "student" / "curves.parquet") for to in (one, two)]
    assert curves[0].columns == curves[1].columns
    np.testing.assert_allclose(curves[1].to_numpy(), curves[0].to_numpy(), atol=1e-5)
    named = [pl.read_parquet(to / "student" / "named.parquet") for to in (one, two)]
    assert named[0].equals(named[1])
    probs = [predicted(project, to / "student", to) for to in (one, two)]
    np.testing.assert_allclose(probs[1], probs[0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_it_goes_on_to_the_same_bits_and_leaves_no_process_behind(project: Project, tmp_path: Path) -> None:
    whole, killed = (arguments_of(project, tmp_path / name, steps=80) for name in ("whole", "killed"))
    train_in_processes(2, **whole)
    job = TrainJob(**killed).model_dump_json()
    script = (
        "import sys; from flows.train_job import TrainJob, train_in_processes; "
        "job = TrainJob.model_validate_json(sys.argv[1]); train_in_processes(2, **dict(job))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, job])
    wait_for((killed["work"] / "checkpoint.pt").is_file, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not workers_of(killed["work"]))
    assert not (killed["work"] / "told.json").exists()
    train_in_processes(2, **killed)
    names = ("model.safetensors", "encoder/model.safetensors", "curves.parquet", "named.parquet")
    for name in names:
        assert (killed["out"] / name).read_bytes() == (whole["out"] / name).read_bytes(), name


def workers_of(work: Path) -> list[str]:
    """Processes whose command line names the job."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(work / "job.json").encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:  # gone meanwhile
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_a_process_finds_wrong_is_told_as_one_process_would(project: Project, tmp_path: Path) -> None:
    given = arguments_of(project, tmp_path, processes=2, encoder_learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"[Ll]ower student\..*encoder_learning_rate"):
        train_in_processes(2, **given)
    assert not given["out"].exists()


def test_what_a_launch_by_hand_has_finished_is_taken(project: Project, tmp_path: Path) -> None:
    given = arguments_of(project, tmp_path)
    (given["work"] / "student").mkdir(parents=True)
    (given["work"] / "student" / "config.json").write_text("{}")
    (given["work"] / "told.json").write_text(json.dumps({"steps": 7}))
    assert train_in_processes(2, **given) == {"steps": 7}
    assert (given["out"] / "config.json").read_text() == "{}"


def test_without_accelerate_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"processes: 2 needs accelerate.*mifuse\[finetune\]"):
        check_accelerate(2)


def test_a_fine_tuned_student_is_what_predict_loads(project: Project, tmp_path: Path) -> None:
    train_student.fn(**arguments_of(project, tmp_path, steps=2))
    moved = (tmp_path / "student").rename(tmp_path / "moved")
    result = project.mifuse(
        "predict", str(moved), str(project.folder / "target" / "audio"), "--out", str(tmp_path / "p.csv")
    )
    assert result.exit_code == 0, result.output
    rows = pl.read_csv(tmp_path / "p.csv")
    assert rows.height == 8
    np.testing.assert_allclose(rows.select(f"p_{name}" for name in CLASSES).sum_horizontal(), 1, atol=1e-5)


def test_the_recipe_best_can_train_the_encoder_too(project: Project, tmp_path: Path) -> None:
    """Its labels and statistics are made from features stored before the first step."""
    told = train_student.fn(**arguments_of(project, tmp_path, recipe="best", steps=3))
    assert told["steps"] == 3
    assert (tmp_path / "student" / "encoder" / "model.safetensors").is_file()
