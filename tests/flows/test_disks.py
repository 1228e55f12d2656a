"""A full or read-only disk ends a run in one block; what was there stays, and the run goes on when there is room."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.teachers.loopback.server import running_server
from tests.flows.conftest import Project
from tests.flows.killed import CONCURRENCY, Killable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Script = Callable[..., str]


@pytest.fixture(scope="module")
def mounting() -> Script:
    """Runs a shell script whose mounts are its own and end with it; what it printed."""

    def run(script: str, *arguments: str, env: dict[str, str] | None = None) -> str:
        command = ["unshare", "--map-root-user", "--mount", "sh", "-c", f"exec 2>&1; {script}", "sh", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout

    try:
        run("set -e; mount -t tmpfs -o size=64k none /mnt; mount -o remount,ro /mnt")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine lets no test mount a disk of its own: {error}")
    return run


@pytest.fixture
def paid(finished_project: Project, tmp_path: Path, prefect_url: str) -> Iterator[Killable]:
    """With nothing in its cache."""
    with running_server() as server:
        paid = Killable.copied(finished_project.folder, tmp_path / "paid", server, prefect_url)
        paid.results.parent.mkdir()
        yield paid


FILLED_THEN_ENLARGED = """
mount -t tmpfs -o size=$1 none "$2"; shift; cache=$1; shift
"$@"; echo "ended in $?"; echo =====
mount -o remount,size=64m "$cache"
"$@"; echo "ended in $?"; cp -rL "$cache" "$cache.kept"
"""


@pytest.mark.parametrize("size", ["24k", "160k", "640k"])
def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(size: str, paid: Killable, mounting: Script) -> None:
    """It stops while it hashes, asks, or writes results: see the sizes."""
    cache = paid.folder / "cache"
    told = mounting(FILLED_THEN_ENLARGED, size, str(cache), *paid.command, env=paid.environment)
    first, second = told.split("=====")
    assert first.endswith("ended in 2\n")
    assert len(re.findall("^error: ", first, re.MULTILINE)) == 1
    assert re.search("No space left on device|disk is full|disk I/O error", first)
    assert "Traceback" not in told
    assert second.endswith("ended in 0\n")
    cache.rmdir()
    (cache.parent / "cache.kept").rename(cache)
    assert 0 <= paid.calls_twice() <= CONCURRENCY


READ_ONLY = """
mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift
"$@"; echo "ended in $?"
"""


def on_a_read_only_disk(project: Project, mounting: Script, *words: str) -> str:
    words = (*words, "--pipelines", str(project.folder / "pipelines.yaml"))
    command = [sys.executable, "-m", "flows", *words]
    return mounting(READ_ONLY, str(project.folder), *command, env=dict(os.environ))


def test_the_status_of_a_read_only_cache_is_told(project: Project, mounting: Script) -> None:
    told = on_a_read_only_disk(project, mounting, "status", "small")
    assert told.endswith("ended in 0\n")
    assert "stale" not in told


def test_a_run_with_nothing_to_do_needs_no_writable_cache(project: Project, mounting: Script) -> None:
    told = on_a_read_only_disk(project, mounting, "run", "small")
    assert "everything is fresh; nothing to run, no call made." in told
    assert told.endswith("ended in 0\n")


def test_a_run_with_something_to_do_says_that_the_cache_is_read_only(project: Project, mounting: Script) -> None:
    project.change(fuse={"kind": "equal"})
    told = on_a_read_only_disk(project, mounting, "run", "small")
    assert re.match(r"error: .*cache.*: .*(read-only file system).*--cache DIR", told)
    assert told.endswith("ended in 2\n")
    assert "Traceback" not in told
