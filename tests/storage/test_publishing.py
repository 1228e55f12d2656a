"""Results are sent where they have changed, and `published.json` lists a whole set whatever happens."""

from __future__ import annotations

import json
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tasks.contracts.errors import PublishError
from tasks.storage.publishing import PublishSettings, check_published, publish, read_published


@dataclass
class Results:
    """A folder of results and two places to publish them to."""

    root: Path
    url: str

    def write(self, name: str, content: str) -> None:
        (self.root / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / "here" / name).write_text(content)

    def publish(self, pipeline: str = "calls", now: str = "2026-01-01T00:00:00+00:00") -> dict[str, int]:
        here = self.root / "here"
        files = {path.relative_to(here).as_posix(): path for path in here.rglob("*") if path.is_file()}
        return publish(files, PublishSettings.model_validate(self.url), pipeline, {"fuse_labels": "f"}, now)[1]

    def read(self, name: str) -> str:
        with fsspec.open(f"{self.url}/{name}", "rt") as file:
            return str(file.read())

    def listed(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.read("published.json"))
        return content


@pytest.fixture(params=["folder", "memory"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Results:
    url = str(tmp_path / "there") if request.param == "folder" else f"memory://{uuid.uuid4().hex}"
    results = Results(tmp_path, url)
    results.write("a.parquet", "aaa")
    results.write("student/b.json", "bbb")
    return results


def test_the_first_time_everything_is_sent_and_listed(results: Results) -> None:
    assert results.publish() == {"files": 2, "sent": 2, "removed": 0}
    assert (results.read("a.parquet"), results.read("student/b.json")) == ("aaa", "bbb")
    assert results.listed()["files"].keys() == {"a.parquet", "student/b.json"}
    assert results.listed()["stages"] == {"fuse_labels": "f"}


def test_what_is_as_it_was_is_not_sent_again(results: Results) -> None:
    results.publish()
    results.write("a.parquet", "aab")
    assert results.publish(now="2026-01-02T00:00:00+00:00") == {"files": 2, "sent": 1, "removed": 0}
    assert results.read("a.parquet") == "aab"
    assert results.listed()["published_at"] == "2026-01-02T00:00:00+00:00"


def test_what_is_no_result_any_more_goes(results: Results) -> None:
    results.publish()
    (results.root / "here" / "a.parquet").unlink()
    assert results.publish()["removed"] == 1
    with pytest.raises(FileNotFoundError):
        results.read("a.parquet")


def test_what_was_deleted_there_is_sent_again(results: Results) -> None:
    results.publish()
    fsspec.filesystem(fsspec.utils.get_protocol(results.url)).rm(f"{results.url}/a.parquet")
    assert results.publish()["sent"] == 1


def test_after_a_damaged_list_everything_is_sent(results: Results) -> None:
    results.publish()
    with fsspec.open(f"{results.url}/published.json", "wt") as file:
        file.write('{"files": ')
    assert results.publish()["sent"] == 2


def test_another_pipelines_results_are_not_written_over(results: Results) -> None:
    results.publish("calls")
    results.write("a.parquet", "other")
    with pytest.raises(PublishError, match='the pipeline "calls" publishes there; mails would write over it'):
        results.publish("mails")
    assert results.read("a.parquet") == "aaa"


def test_a_copy_of_the_list_tells_what_is_gone(results: Results) -> None:
    results.publish()
    copy = results.root / "published.json"
    copy.write_text(results.read("published.json"))
    settings = PublishSettings.model_validate(results.url)
    check_published(settings, copy, "mifuse run")
    fsspec.filesystem(fsspec.utils.get_protocol(results.url)).rm(f"{results.url}/a.parquet")
    with pytest.raises(PublishError, match=r"1 of 3 published files are gone .*: a\.parquet\. `mifuse run`"):
        check_published(settings, copy, "mifuse run")


def test_a_list_edited_by_hand_is_named(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text("{}")
    with pytest.raises(PublishError, match=r"published\.json: was edited"):
        read_published(tmp_path / "published.json")


@pytest.fixture
def to_folder(tmp_path: Path) -> Results:
    results = Results(tmp_path, str(tmp_path / "there"))
    results.write("a.parquet", "aaa")
    results.publish()
    return results


def test_a_run_that_breaks_in_the_middle_leaves_the_earlier_list(to_folder: Results) -> None:
    before = to_folder.read("published.json")
    (Path(to_folder.url) / "student").write_text("a file in the place of a folder")
    to_folder.write("student/b.json", "bbb")
    with pytest.raises(PublishError, match=r"there/student/b\.json: cannot be written"):
        to_folder.publish()
    assert to_folder.read("published.json") == before
    (Path(to_folder.url) / "student").unlink()
    assert to_folder.publish()["sent"] == 1


def test_a_reader_of_a_file_that_is_replaced_keeps_the_old_one_whole(to_folder: Results) -> None:
    with (Path(to_folder.url) / "a.parquet").open() as reader:
        to_folder.write("a.parquet", "new")
        to_folder.publish()
        assert reader.read() == "aaa"
    assert to_folder.read("a.parquet") == "new"


def test_files_in_a_folder_can_be_read_by_whom_the_process_lets(to_folder: Results) -> None:
    mode = (Path(to_folder.url) / "a.parquet").stat().st_mode
    assert stat.S_IMODE(mode) == stat.S_IMODE((to_folder.root / "here" / "a.parquet").stat().st_mode)
