"""A stage's work: one process at a time does the same."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from flows.place import open_place
from tests.flows.conftest import Project


def test_a_second_run_waits_for_one_that_computes_the_same_and_takes_its_result(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """They share a folder of checkpoints and plans, which the first to end removes."""
    place = open_place("small", project.folder / "pipelines.yaml", project.cache)
    asked, told = [], []

    def work(out: Path, work_folder: Path) -> dict[str, Any]:
        asked.append(work_folder)
        if len(asked) == 1:
            second.start()
            while second.is_alive() and "another run computes the same" not in "".join(told):
                told.append(capsys.readouterr().out)
        pl.DataFrame({"sha256": ["x"]}).write_parquet(out / "clips.parquet")
        return {"clips": 1}

    second = Thread(target=lambda: told.append(str(place.perform("index_clips", work))))
    place.perform("index_clips", work)
    second.join()
    assert len(asked) == 1
    assert told[-1] == "{'clips': 1}"
    assert list((project.cache / "work").glob("*.lock")) == []
