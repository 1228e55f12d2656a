"""Fine-tuning in pipelines.yaml: what cannot go together, and what makes a student stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dag import nodes_of
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import SettingsError
from tests.flows.conftest import SETTINGS

PAPER = {"kind": "mi_fuse", "recipe": "paper"}


def read(folder: Path, **changed: Any) -> PipelineSettings:
    file = folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"small": SETTINGS | changed}}))
    return read_pipelines(file)["small"]


def trained_by(folder: Path, dropout: str, **student: Any) -> Any:
    """The settings that the student's result depends on."""
    teachers = SETTINGS["teachers"] | {"classifier": SETTINGS["teachers"]["classifier"] | {"dropout": dropout}}
    pipeline = read(folder, source=None, student=PAPER | student, teachers=teachers)
    return next(node.settings for node in nodes_of("small", pipeline, folder) if node.name == "train_student")


def test_an_encoder_without_weights_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"student\.trainable: the encoder logmel has no weights to train"):
        read(tmp_path, student={"trainable": "all"} | PAPER)


def test_which_dropouts_are_live_counts_where_the_teacher_has_an_encoder(tmp_path: Path) -> None:
    """Over stored features the moving teacher's draws are of the head alone, whatever `dropout` says."""
    frozen = [trained_by(tmp_path, dropout) for dropout in ("head", "all")]
    tuned = [trained_by(tmp_path, dropout, trainable="all") for dropout in ("head", "all")]
    assert frozen[0] == frozen[1]
    assert tuned[0] != tuned[1]


def test_the_number_of_processes_makes_no_student_stale(tmp_path: Path) -> None:
    one, two = (trained_by(tmp_path, "head", trainable="all", processes=processes) for processes in (1, 2))
    assert one == two
