"""`mifuse cache …` over a pipeline that has really run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from flows.__main__ import main
from tests.flows.conftest import Project


def mifuse_cache(project: Project, *words: str) -> Result:
    """In this process."""
    where = ["--pipelines", str(project.folder / "pipelines.yaml"), "--cache", str(project.cache)]
    return CliRunner().invoke(main, ["cache", *words, *where], catch_exceptions=False)


def listed(project: Project) -> dict[str, Any]:
    """What `ls --json` tells."""
    content: dict[str, Any] = json.loads(mifuse_cache(project, "ls", "--json").output)
    return content


def states(project: Project) -> dict[str, bool]:
    """Node → is fresh."""
    told = json.loads(project.mifuse("status", "--json").output)
    return {verdict["node"]: verdict["fresh"] for verdicts in told.values() for verdict in verdicts}


def rename(project: Project, name: str) -> None:
    """The pipeline `small` has another name in pipelines.yaml; its folder in the cache keeps the old one."""
    file = project.folder / "pipelines.yaml"
    content = yaml.safe_load(file.read_text())
    content["pipelines"] = {name: content["pipelines"].pop("small")}
    file.write_text(yaml.safe_dump(content))


def fill(folder: Path, size: int = 1000) -> Path:
    """One file in a folder."""
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * size)
    return folder
