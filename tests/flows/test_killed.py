"""Killed at any moment and run again, a pipeline ends as if nothing had happened, and pays for nothing twice.

The moments are spread over the timeline of an undisturbed run that is measured here; `bench/crashes.py` takes fifty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.storage.leftovers import is_held
from tasks.teachers.loopback.server import running_server
from tests.flows.conftest import Project
from tests.flows.killed import CONCURRENCY, Killable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MOMENTS = 4
LATENCY_S = 0.02


@dataclass(frozen=True)
class Undisturbed:
    """How long a run worked that nobody killed, and what came of it."""

    work_s: float
    outcome: dict[str, str]


@pytest.fixture
def killable(finished_project: Project, tmp_path: Path, prefect_url: str) -> Iterator[Killable]:
    with running_server(latency_s=LATENCY_S) as server:
        yield Killable.copied(finished_project.folder, tmp_path / "killed", server, prefect_url)


@pytest.fixture(scope="module")
def undisturbed(finished_project: Project, tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Undisturbed:
    with running_server(latency_s=LATENCY_S) as server:
        place = tmp_path_factory.mktemp("undisturbed") / "project"
        run = Killable.copied(finished_project.folder, place, server, prefect_url)
        return Undisturbed(run.finish(), run.outcome())


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_run_that_is_run_again_ends_like_one_that_was_not(
    moment: int, killable: Killable, undisturbed: Undisturbed
) -> None:
    killable.kill_at(undisturbed.work_s * moment / MOMENTS)
    killable.finish()
    assert killable.outcome() == undisturbed.outcome
    assert 0 <= killable.calls_twice() <= CONCURRENCY  # those in flight
    assert [path for path in killable.folder.rglob("*") if ".unfinished-" in path.name] == []
    assert [path for path in killable.folder.rglob("*.lock") if is_held(path)] == []


def test_of_two_runs_at_once_the_second_waits_says_for_whom_and_finds_all_done(
    killable: Killable, undisturbed: Undisturbed
) -> None:
    first, second = killable.start(), killable.start()
    assert (first.wait(timeout=120), second.wait(timeout=120)) == (0, 0)
    told = (killable.folder / "told").read_text()
    assert re.search(rf"another run of small is at work \(pid ({first.pid}|{second.pid}), since .*: mifuse run", told)
    assert told.count("train_student            ") == 1
    assert killable.calls_twice() == 0
    assert killable.outcome() == undisturbed.outcome
