"""Files appear whole or not at all; digests depend on names and contents alone."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.contracts.errors import CacheError
from tasks.storage.files import (
    files_below,
    link,
    make_folder,
    remove,
    replacing,
    sha256_of_file,
    sha256_of_folder,
    sha256_of_json,
    write_json,
)


@pytest.fixture
def umask_022() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half of the ne")
        raise RuntimeError("power cut")


def test_the_new_content_is_there_after_the_block_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"


def test_an_error_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"):
        write_half(path)
    assert path.read_text() == "old"


def test_an_error_leaves_no_file_where_there_was_none_and_no_temporary_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="power cut"):
        write_half(tmp_path / "a.txt")
    assert names_in(tmp_path) == []


def test_success_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {})
    assert names_in(tmp_path) == ["a.json"]


@pytest.mark.usefixtures("umask_022")
def test_a_written_file_can_be_read_by_those_who_can_read_any_new_file(tmp_path: Path) -> None:
    """A scheduled run writes as one user; another opens the tables."""
    write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_json_has_sorted_keys_and_ends_in_a_line_feed(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [2]})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'


def test_nan_is_no_json_and_leaves_the_old_content(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_a_folder_below_a_file_cannot_be_made_and_the_message_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    told = (
        r"cache/answers: cannot be written \(Not a directory\). Give another cache folder with --cache DIR or MIFUSE_"
    )
    with pytest.raises(CacheError, match=told):
        make_folder(tmp_path / "cache" / "answers")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(CacheError, match=r"cannot be written \(permission denied\)"):
        make_folder(tmp_path)


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of_file(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_the_digest_of_plain_values_is_that_of_their_shortest_json() -> None:
    assert sha256_of_json({"b": [1, None], "a": "ü"}) == hashlib.sha256(b'{"a":"\\u00fc","b":[1,null]}').hexdigest()


def make_tree(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / "sub").mkdir(parents=True, exist_ok=True)
        (folder / "sub" / name).write_text(content)
    return folder


def test_a_folders_digest_does_not_depend_on_where_it_lies_or_when_it_was_written(tmp_path: Path) -> None:
    one, other = make_tree(tmp_path / "one", a="1", b="2"), make_tree(tmp_path / "other", b="2", a="1")
    assert sha256_of_folder(one) == sha256_of_folder(other)


@pytest.mark.parametrize("files", [{"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "1"}, {"a": "2", "b": "1"}])
def test_a_folders_digest_depends_on_names_and_contents(files: dict[str, str], tmp_path: Path) -> None:
    one, other = make_tree(tmp_path / "one", a="1", b="2"), make_tree(tmp_path / "other", **files)
    assert sha256_of_folder(one) != sha256_of_folder(other)


def test_the_files_below_a_folder_are_listed_in_order_and_a_file_is_itself(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", b="", a="")
    assert files_below(tree) == [tree / "sub" / "a", tree / "sub" / "b"]
    assert files_below(tree / "sub" / "a") == [tree / "sub" / "a"]


def test_a_link_shows_its_target_and_moves_with_the_folder_that_holds_both(tmp_path: Path) -> None:
    make_tree(tmp_path / "cache" / "store", a="1")
    link(tmp_path / "cache" / "store", tmp_path / "cache" / "calls" / "student")
    (tmp_path / "cache").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "calls" / "student" / "sub" / "a").read_text() == "1"


def test_a_link_replaces_what_was_shown_before_and_leaves_its_target_alone(tmp_path: Path) -> None:
    old, new, shown = make_tree(tmp_path / "old", a="1"), make_tree(tmp_path / "new", a="2"), tmp_path / "shown"
    for target in (old, new):
        link(target, shown)
    assert (shown / "sub" / "a").read_text() == "2"
    assert (old / "sub" / "a").read_text() == "1"


def test_a_link_replaces_a_folder_that_a_person_put_there(tmp_path: Path) -> None:
    link(make_tree(tmp_path / "new", a="2"), make_tree(tmp_path / "shown", a="1"))
    assert (tmp_path / "shown" / "sub" / "a").read_text() == "2"


def test_removing_a_link_leaves_its_target_and_removing_nothing_is_no_error(tmp_path: Path) -> None:
    link(make_tree(tmp_path / "new", a="2"), tmp_path / "shown")
    for _ in range(2):
        remove(tmp_path / "shown")
    assert names_in(tmp_path) == ["new"]
    remove(tmp_path / "new")
    assert names_in(tmp_path) == []
