"""A small pipeline that has run once, copied for each test that changes it, and the command line in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from flows.__main__ import main
from tasks.synthesis.corpus import make_corpus
from tests.flows.prefect_server import prefect_url

__all__ = ["prefect_url"]  # the fixture, for all tests of this folder

SETTINGS: dict[str, Any] = {
    "classes": ["angry", "happy", "neutral", "sad"],
    "clips": {"folder": "target", "manifest": "target/manifest.csv"},
    "teachers": {
        "lalm": {"kind": "simulated", "draws": 3},
        "classifier": {"kind": "mc_dropout", "path": "classifier", "draws": 4},
    },
    "fuse": {"kind": "mutual_information"},
    "student": {"kind": "mi_fuse", "recipe": "paper", "steps": 30},
    "source": {"clips": {"folder": "source", "manifest": "source/manifest.csv"}},
}


@dataclass
class Project:
    """A folder with pipelines.yaml, audio and a cache."""

    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def results(self) -> Path:
        return self.cache / "small"

    def mifuse(self, *words: str) -> Result:
        """The command line, in this process."""
        where = ["--pipelines", str(self.folder / "pipelines.yaml"), "--cache", str(self.cache)]
        return CliRunner().invoke(main, [words[0], *where, *words[1:]], catch_exceptions=False)

    def change(self, **settings: Any) -> None:
        """Sets keys of the pipeline; None removes one."""
        file = self.folder / "pipelines.yaml"
        content = yaml.safe_load(file.read_text()) if file.exists() else {"pipelines": {"small": dict(SETTINGS)}}
        merged = content["pipelines"]["small"] | settings
        content["pipelines"]["small"] = {key: value for key, value in merged.items() if value is not None}
        file.write_text(yaml.safe_dump(content))

    def stages_run(self, result: Result) -> list[str]:
        """Which nodes a run worked on, from what it printed."""
        lines = [line.split() for line in result.output.splitlines() if line.startswith("  ") and " s   " in line]
        return [words[0] for words in lines]


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Everything has run once. Not to be changed: see `project`."""
    project = Project(tmp_path_factory.mktemp("project"))
    make_corpus(project.folder / "source", "source", clips_per_class=8)
    make_corpus(project.folder / "target", "target", clips_per_class=6)
    project.change()
    assert project.mifuse("train-source", "small").exit_code == 0
    assert project.mifuse("run", "small").exit_code == 0
    return project


@pytest.fixture
def project(finished_project: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, with links and file times as they were."""
    shutil.copytree(finished_project.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its bytes."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    return read
