"""What can be flushed is; a file system that cannot flush a folder is no error, a folder that is not there is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tasks.storage.flushing import flush_folder, flush_tree


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that cannot flush a folder: /proc")
def test_a_file_system_that_cannot_flush_a_folder_is_no_error() -> None:
    flush_folder(Path("/proc/self"))


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        flush_folder(tmp_path / "gone")


def test_a_tree_is_flushed_to_its_last_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "broken").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match="sub/broken"):
        flush_tree(tmp_path)
