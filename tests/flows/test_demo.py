"""`mifuse demo`, as a newcomer starts it: in a process of its own, with nothing there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "cache"


@pytest.fixture(scope="module")
def printed(cache: Path) -> str:
    """What the first run printed."""
    return demo(cache)


def demo(cache: Path) -> str:
    command = [sys.executable, "-m", "flows", "demo", "--cache", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_student_beats_both_of_its_teachers(cache: Path, printed: str) -> None:
    metrics = json.loads((cache / "demo" / "metrics.json").read_text())
    ua = {name: metrics[name]["ua"] for name in ("source", "lalm", "student")}
    assert ua["student"] > max(ua["source"], ua["lalm"]), ua


def test_it_prints_the_table_and_where_the_report_lies(cache: Path, printed: str) -> None:
    for row in ("source classifier", "LALM", "fused, no training", "student", str(cache / "demo" / "report.html")):
        assert row in printed


def test_it_writes_only_below_its_folder_and_the_shared_ones(cache: Path, printed: str) -> None:
    shared = {"answers", "audio", "features", "mc_draws", "store", "work"}
    assert {path.name for path in cache.iterdir()} == shared | {"demo"}


def test_some_clips_have_an_lalm_that_contradicts_itself(cache: Path, printed: str) -> None:
    """Without them the mutual-information rule would have nothing to weigh."""
    table = pl.read_parquet(cache / "demo" / "pseudo_labels.parquet")
    doubtful = table.filter(pl.col("lalm_mi") > 0.3)
    assert doubtful.height >= 5
    assert doubtful["lalm_weight"].max() < 0.5


def test_a_second_demo_finds_everything_fresh(cache: Path, printed: str) -> None:
    assert "everything is fresh; nothing to run, no call made" in demo(cache)
