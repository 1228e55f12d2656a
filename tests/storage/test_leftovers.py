"""What a killed process left is found and removed; what a living one writes is not touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.storage.files import replacing
from tasks.storage.leftovers import leftovers, put_in_place, remove_leftovers, sweep, unfinished_folder
from tests.storage.conftest import NODE, Cache

Writer = subprocess.Popen[str]


@pytest.fixture
def start_writer(tmp_path: Path) -> Iterator[Callable[[], Writer]]:
    """Starts a process that is in the middle of writing to the folder; ended with the test."""
    started: list[Writer] = []

    def start() -> Writer:
        command = [sys.executable, "-m", "tests.storage.killed_writer", str(tmp_path)]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(writer)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "at work\n"
        return writer

    yield start
    for writer in started:
        writer.kill()
        writer.communicate()


@pytest.fixture
def killed(start_writer: Callable[[], Writer]) -> None:
    writer = start_writer()
    writer.send_signal(signal.SIGKILL)
    writer.wait()


def kinds(paths: list[Path]) -> list[str]:
    return [path.name.split("-")[0] for path in paths]


def test_what_a_living_process_writes_is_no_leftover(start_writer: Callable[[], Writer], tmp_path: Path) -> None:
    start_writer()
    assert leftovers(tmp_path) == []


@pytest.mark.usefixtures("killed")
def test_what_a_killed_one_left_is_listed(tmp_path: Path) -> None:
    assert kinds(leftovers(tmp_path)) == [".table", ".unfinished"]


@pytest.mark.usefixtures("killed")
def test_an_old_date_or_one_in_the_future_changes_nothing(tmp_path: Path) -> None:
    with replacing(tmp_path / "new") as living:
        for path in (living, *leftovers(tmp_path)):
            os.utime(path, (0, 0))
        assert kinds(leftovers(tmp_path)) == [".table", ".unfinished"]
        for path in (living, *leftovers(tmp_path)):
            os.utime(path, (1 << 33, 1 << 33))
        assert kinds(leftovers(tmp_path)) == [".table", ".unfinished"]


@pytest.mark.usefixtures("killed")
def test_leftovers_are_removed_with_their_locks(tmp_path: Path) -> None:
    remove_leftovers(leftovers(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


def test_what_is_no_longer_dead_when_its_turn_comes_stays(start_writer: Callable[[], Writer], tmp_path: Path) -> None:
    start_writer()
    before = sorted(tmp_path.rglob("*"))
    remove_leftovers([path for path in before if path.name.startswith((".table-", ".unfinished-"))])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("killed")
def test_the_next_result_sweeps_what_killed_runs_began(tmp_path: Path) -> None:
    sweep(tmp_path)
    assert [path.name for path in tmp_path.glob(".unfinished-*")] == []


def test_a_stage_sweeps_where_it_writes_and_spares_who_writes_there_too(cache: Cache) -> None:
    cache.write("half")
    with cache.store.begin(NODE) as one, cache.store.begin(NODE) as other:
        folders = [path for path in one.parent.iterdir() if path.is_dir()]
        assert sorted(folders) == sorted([one, other])


def test_a_lock_whose_folder_was_never_made_is_a_leftover(tmp_path: Path) -> None:
    lock = tmp_path / f".unfinished-{'0' * 32}.lock"
    lock.touch()
    assert leftovers(tmp_path) == [lock]


@pytest.mark.parametrize("name", [".calls-2026", f"calls-{'0' * 32}", f".calls-{'0' * 32}.parquet", ".gitignore"])
def test_files_of_other_names_are_nobodys_leftovers(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert leftovers(tmp_path) == []


def test_an_unfinished_folder_is_gone_with_its_lock_however_the_block_ends(tmp_path: Path) -> None:
    def begin() -> None:
        with unfinished_folder(tmp_path) as folder:
            (folder / "half").touch()
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        begin()
    assert list(tmp_path.iterdir()) == []


def test_a_new_result_takes_the_place_of_the_old(tmp_path: Path) -> None:
    place = tmp_path / "result"
    place.mkdir()
    (place / "old").touch()
    with unfinished_folder(tmp_path) as folder:
        (folder / "new").touch()
        put_in_place(folder, place)
    assert [path.name for path in tmp_path.rglob("*")] == ["result", "new"]


def test_the_old_result_is_back_where_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    place = tmp_path / "result"
    place.mkdir()
    (place / "old").touch()
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / ".unfinished-gone", place)
    assert [path.name for path in tmp_path.rglob("*")] == ["result", "old"]
