"""`publish`: results are copied to a bucket or a folder, `published.json` last, and only what has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.flows.conftest import Project
from tests.s3_server import Bucket

RESULTS = ["clips.parquet", "draws/classifier.parquet", "draws/lalm.parquet", "metrics.json", "predictions.parquet"]
RESULTS += ["pseudo_labels.parquet", "report.html", "student/config.json", "student/model.safetensors"]


@pytest.fixture
def published(project: Project, bucket: Bucket) -> Project:
    """The finished project, published to `results/` of the bucket."""
    project.change(publish=f"{bucket.url}/results")
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    assert project.stages_run(result) == ["publish_results"]
    return project


def listed(bucket: Bucket) -> dict[str, Any]:
    files: dict[str, Any] = json.loads(bucket.get("results/published.json"))["files"]
    return files


def test_every_result_is_there_and_listed(published: Project, bucket: Bucket) -> None:
    keys = {key.removeprefix("results/") for key in bucket.keys("results")}
    assert set(RESULTS) <= keys
    assert listed(bucket).keys() == keys - {"published.json"}


def test_what_is_read_there_is_what_lies_here(published: Project, bucket: Bucket) -> None:
    import fsspec

    with fsspec.open(f"{bucket.url}/results/pseudo_labels.parquet") as file:
        there = pl.read_parquet(file.read())
    assert there.equals(pl.read_parquet(published.results / "pseudo_labels.parquet"))


def test_the_list_comes_last(published: Project, bucket: Bucket) -> None:
    assert bucket.asked("PUT")[-1] == "results/published.json"


def test_a_second_run_is_fresh_and_asks_the_bucket_nothing(published: Project, bucket: Bucket) -> None:
    bucket.forget()
    assert "everything is fresh" in published.mifuse("run", "small").output
    assert bucket.requests.lines == []


def test_only_what_has_changed_is_sent(published: Project, bucket: Bucket) -> None:
    published.change(fuse={"kind": "equal"})
    bucket.forget()
    published.mifuse("run", "small")
    sent = bucket.asked("PUT")
    assert {"results/pseudo_labels.parquet", "results/report.html", "results/published.json"} <= set(sent)
    assert {"results/clips.parquet", "results/draws/lalm.parquet"} & set(sent) == set()


def test_going_back_to_earlier_settings_publishes_again(published: Project, bucket: Bucket) -> None:
    """The results are kept here, but there they have been replaced."""
    first = bucket.get("results/pseudo_labels.parquet")
    for kind in ("equal", "mutual_information"):
        published.change(fuse={"kind": kind})
        result = published.mifuse("run", "small")
        assert "publish_results" in published.stages_run(result), kind
    assert bucket.get("results/pseudo_labels.parquet") == first


def test_a_teacher_that_is_gone_is_gone_there_too(published: Project, bucket: Bucket) -> None:
    lalm = {"kind": "simulated", "draws": 3}
    classifier = {"kind": "mc_dropout", "path": "classifier", "draws": 4}
    published.change(teachers={"second": lalm, "lalm": lalm, "classifier": classifier})
    assert published.mifuse("run", "small").exit_code == 0
    assert "results/draws/second.parquet" in bucket.keys("results")
    published.change(teachers={"lalm": lalm, "classifier": classifier})
    assert published.mifuse("run", "small").exit_code == 0
    assert "results/draws/second.parquet" not in bucket.keys("results")


def test_a_file_that_somebody_put_there_stays(published: Project, bucket: Bucket) -> None:
    bucket.put("results/notes.txt", b"theirs")
    published.mifuse("run", "small", "--force", "publish_results")
    assert bucket.get("results/notes.txt") == b"theirs"


def test_a_file_deleted_there_is_noticed_by_deep_and_comes_back_by_force(published: Project, bucket: Bucket) -> None:
    bucket.remove("results/report.html")
    assert "publish_results" not in told_stale(published.mifuse("status", "small").output)
    deep = published.mifuse("status", "small", "--deep").output
    assert "published files are gone or have another size: report.html. `mifuse run small --force" in deep
    bucket.forget()
    assert published.mifuse("run", "small", "--force", "publish_results").exit_code == 0
    assert bucket.asked("PUT") == ["results/report.html", "results/published.json"]


def told_stale(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if "stale" in line)


def test_another_url_is_a_reason(published: Project, bucket: Bucket) -> None:
    published.change(publish=f"{bucket.url}/elsewhere")
    status = published.mifuse("status", "small").output
    assert f"publish.url: {bucket.url}/results → {bucket.url}/elsewhere" in status
    assert published.mifuse("run", "small").exit_code == 0
    assert "elsewhere/published.json" in bucket.keys("elsewhere")


def test_another_server_is_a_reason(published: Project, bucket: Bucket) -> None:
    published.change(publish={"url": f"{bucket.url}/results", "options": {"endpoint_url": bucket.endpoint}})
    status = published.mifuse("status", "small").output
    assert "publish.endpoint_url" in status


def test_a_bucket_that_refuses_leaves_the_results_and_is_told(project: Project, bucket: Bucket) -> None:
    project.change(publish="s3://nobody-has-this/results", fuse={"kind": "equal"})
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "error: s3://nobody-has-this/results" in result.output
    status = project.mifuse("status", "small").output
    assert [line.split()[0] for line in status.splitlines() if line.endswith(" stale")] == ["publish_results"]


def test_a_folder_of_this_machine_is_published_to_likewise(project: Project, tmp_path: Path) -> None:
    project.change(publish=str(tmp_path / "share" / "calls"))
    assert project.mifuse("run", "small").exit_code == 0
    there = tmp_path / "share" / "calls"
    assert (there / "draws/lalm.parquet").read_bytes() == (project.results / "draws/lalm.parquet").read_bytes()
    assert json.loads((there / "published.json").read_text())["pipeline"] == "small"
    assert not [path for path in there.rglob("*") if path.name.startswith(".")]


def test_without_publish_there_is_no_such_stage(project: Project) -> None:
    result = project.mifuse("run", "small", "--only", "publish_results")
    assert result.exit_code == 2
    assert "publish_results where the pipeline says `publish`" in result.output


def test_check_names_an_unknown_protocol_and_asks_no_network(project: Project) -> None:
    project.change(clips={"folder": "s4://bucket/calls"})
    result = project.mifuse("check", "small")
    assert result.exit_code == 2
    assert 'clips.folder: unknown protocol "s4". Did you mean "s3"?' in result.output


def test_check_names_a_package_that_is_not_installed(project: Project) -> None:
    project.change(publish="gs://bucket/results")
    told = "not there yet: publish: Please install gcsfs to access Google Storage. pip install 'mifuse[gs]'"
    assert told in project.mifuse("check", "small").output
