"""Which files lie below a folder, how large they are and when they were written."""

import os
from pathlib import Path

import pytest

from tasks.storage.file_stats import _looked_at, stats_below, stats_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.wav", "A.WAV", "notes.txt", "day/c.wav", "day/night/d.flac", "noending"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(0, len(name)))
    return tmp_path


def below(folder: Path) -> list[str]:
    return stats_below(folder, {".wav", ".flac"})["path"].to_list()


def test_files_with_these_endings_are_found_at_any_depth_in_the_order_of_their_paths(folder: Path) -> None:
    assert below(folder) == ["A.WAV", "b.wav", "day/c.wav", "day/night/d.flac"]


def test_size_and_time_are_the_files_own(folder: Path) -> None:
    assert stats_below(folder, {".flac"}).row(0) == ("day/night/d.flac", 16, 16)


def test_a_link_to_a_file_is_followed_and_one_to_a_folder_is_not(folder: Path) -> None:
    (folder / "link.wav").symlink_to(folder / "day" / "c.wav")
    (folder / "loop").symlink_to(folder)
    assert below(folder) == ["A.WAV", "b.wav", "day/c.wav", "day/night/d.flac", "link.wav"]
    assert stats_of(folder, ["link.wav"]).row(0) == ("link.wav", 9, 9)


def test_a_folder_or_a_dead_link_with_an_audio_ending_is_no_file(folder: Path) -> None:
    (folder / "folder.wav").mkdir()
    (folder / "dead.wav").symlink_to("nowhere")
    assert "folder.wav" not in below(folder)
    assert "dead.wav" not in below(folder)


def test_named_files_come_in_their_order_and_those_that_are_not_there_have_no_size(folder: Path) -> None:
    found = stats_of(folder, ["day/c.wav", "nowhere.wav", "day", "b.wav/x", "b.wav"])
    assert found["size"].to_list() == [9, None, None, None, 5]
    assert found["path"].to_list() == ["day/c.wav", "nowhere.wav", "day", "b.wav/x", "b.wav"]


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert stats_below(tmp_path, {".wav"}).height == 0


def test_a_file_that_goes_while_the_folder_is_read_is_left_out(tmp_path: Path) -> None:
    """A recorder gives each file a name for the time of writing."""
    (tmp_path / "a.wav").touch()
    with os.scandir(tmp_path) as entries:
        entry = next(entries)
        (tmp_path / "a.wav").unlink()
        assert _looked_at("a.wav", entry) == []


def test_a_hidden_file_that_has_nothing_but_an_ending_is_no_audio(tmp_path: Path) -> None:
    for name in (".wav", "..wav", ".a.wav"):
        (tmp_path / name).touch()
    assert below(tmp_path) == [".a.wav"]
