"""Clips in a bucket: each object is fetched once, looking fetches nothing, and results are those of a local folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import polars as pl
import pytest

from flows.dag import facts_memory
from flows.place import open_place
from tasks.contracts.errors import ClipsError
from tasks.index_clips import index_clips
from tests.flows.conftest import Project
from tests.flows.test_run import calls_made
from tests.s3_server import Bucket

ALL = ["index_clips", "mc_dropout.classifier", "query_lalm.lalm", "fuse_labels", "train_student", "evaluate_student"]


@pytest.fixture
def remote(project: Project, bucket: Bucket) -> Project:
    """The finished project whose clips have been moved to a bucket; nothing is fetched yet."""
    bucket.put_folder(project.folder / "target", "calls/")
    (project.folder / "target").rename(project.folder / "away")
    project.change(clips={"folder": f"{bucket.url}/calls", "manifest": f"{bucket.url}/calls/manifest.csv"})
    bucket.forget()
    return project


def paths(project: Project) -> list[str]:
    return pl.read_csv(project.folder / "away" / "manifest.csv")["path"].to_list()


def test_moving_clips_to_a_bucket_costs_the_fetch_and_nothing_else(remote: Project, bucket: Bucket) -> None:
    result = remote.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    assert "24 files fetched" in result.output
    assert "everything is fresh; nothing to run, no call made" in result.output
    assert sorted(bucket.asked("GET")) == sorted(["calls/manifest.csv", *(f"calls/{path}" for path in paths(remote))])
    assert "all 6 stages fresh" in remote.mifuse("status", "small").output


@pytest.fixture
def fetched(remote: Project, bucket: Bucket) -> Project:
    """The same after its first run."""
    assert remote.mifuse("run", "small").exit_code == 0
    bucket.forget()
    return remote


def test_looking_fetches_no_audio_and_says_what_a_run_would_do(remote: Project, bucket: Bucket) -> None:
    status, plan = remote.mifuse("status", "small"), remote.mifuse("plan", "small")
    assert "24 clips changed: --verbose lists them" in status.output
    assert re.search(r"to do: 24 files to fetch, [\d.]+ \w+; 24 of 24 clips to measure", plan.output)
    assert status.exit_code == plan.exit_code == 0
    assert bucket.asked("GET") == ["calls/manifest.csv"]


def test_a_look_at_a_bucket_is_one_listing(fetched: Project, bucket: Bucket) -> None:
    assert "all 6 stages fresh" in fetched.mifuse("status", "small").output
    assert (bucket.listings(), bucket.asked("GET")) == (1, [])


def test_a_run_that_works_lists_the_bucket_once(fetched: Project, bucket: Bucket) -> None:
    fetched.change(fuse={"kind": "equal"})
    assert fetched.stages_run(fetched.mifuse("run", "small")) == ["fuse_labels", "train_student", "evaluate_student"]
    assert bucket.listings() == 1


def test_an_object_more_costs_one_fetch_and_its_own_calls(fetched: Project, bucket: Bucket) -> None:
    source = pl.read_csv(fetched.folder / "source" / "manifest.csv")["path"][0]
    bucket.put("calls/new.wav", (fetched.folder / "source" / source).read_bytes())
    manifest = (fetched.folder / "away" / "manifest.csv").read_text()
    columns = manifest.splitlines()[0].split(",")
    row = ",".join({"path": "new.wav", "clip_id": "new"}.get(name, "") for name in columns)
    bucket.put("calls/manifest.csv", f"{manifest}{row}\n".encode())
    bucket.forget()
    assert "1 clip added" in fetched.mifuse("status", "small").output
    result = fetched.mifuse("run", "small")
    assert sorted(bucket.asked("GET")) == ["calls/manifest.csv", "calls/new.wav"]
    assert fetched.stages_run(result) == ALL
    assert calls_made(result) == 3


def test_an_object_that_is_written_again_with_the_same_content_costs_its_fetch(
    fetched: Project, bucket: Bucket
) -> None:
    key = f"calls/{paths(fetched)[0]}"
    bucket.put_in_parts(key, bucket.get(key))  # its ETag is another
    bucket.forget()
    assert "1 clip changed" in fetched.mifuse("status", "small").output
    assert "everything is fresh" in fetched.mifuse("run", "small").output
    assert bucket.asked("GET") == [key]


def test_a_changed_object_is_that_clip_alone(fetched: Project, bucket: Bucket) -> None:
    source = pl.read_csv(fetched.folder / "source" / "manifest.csv")["path"][0]
    bucket.put(f"calls/{paths(fetched)[0]}", (fetched.folder / "source" / source).read_bytes())
    bucket.forget()
    assert "1 clip changed" in fetched.mifuse("status", "small").output
    result = fetched.mifuse("run", "small")
    assert bucket.asked("GET") == [f"calls/{paths(fetched)[0]}"]
    assert calls_made(result) == 3


def test_a_renamed_object_is_fetched_and_asked_nothing(fetched: Project, bucket: Bucket) -> None:
    old = paths(fetched)[0]
    bucket.put("calls/renamed.wav", bucket.get(f"calls/{old}"))
    bucket.remove(f"calls/{old}")
    manifest = (fetched.folder / "away" / "manifest.csv").read_text()
    bucket.put("calls/manifest.csv", manifest.replace(old, "renamed.wav").encode())
    result = fetched.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    assert calls_made(result) == 0
    assert "train_student" not in fetched.stages_run(result)


def test_a_removed_object_is_a_row_less_and_its_copy_goes(fetched: Project, bucket: Bucket) -> None:
    fetched.change(clips={"folder": f"{bucket.url}/calls"})
    assert fetched.mifuse("run", "small").exit_code == 0
    bucket.remove(f"calls/{paths(fetched)[0]}")
    assert "1 clip removed" in fetched.mifuse("status", "small").output
    assert calls_made(fetched.mifuse("run", "small")) == 0
    assert pl.read_parquet(fetched.results / "clips.parquet").height == 23
    copies = [path for path in (fetched.cache / "fetched").rglob("target-*") if path.is_file()]
    assert len(copies) == 23


def test_copies_that_were_removed_make_nothing_stale_and_come_back_when_audio_is_read(
    fetched: Project, bucket: Bucket
) -> None:
    shutil.rmtree(fetched.cache / "fetched")
    assert "everything is fresh" in fetched.mifuse("run", "small").output
    assert bucket.asked("GET") == ["calls/manifest.csv"]
    shutil.rmtree(fetched.cache / "features")
    shutil.rmtree(fetched.cache / "mc_draws")
    result = fetched.mifuse("run", "small", "--only", "mc_dropout", "--force", "mc_dropout")
    assert result.exit_code == 0, result.output
    assert len(bucket.asked("GET")) == 1 + 24


def test_an_object_that_changed_after_the_index_is_not_taken_for_the_old_one(fetched: Project, bucket: Bucket) -> None:
    """Only its copy here was the clip that the draws are of."""
    shutil.rmtree(fetched.cache / "fetched")
    first, second = paths(fetched)[:2]
    bucket.put(f"calls/{first}", bucket.get(f"calls/{second}"))
    place = open_place("small", fetched.folder / "pipelines.yaml", fetched.cache)
    with pytest.raises(ClipsError, match=rf'1 file \("{first}"\) changed since the clips were indexed'):
        _ = place.clips_folder


def test_an_index_has_no_clip_that_is_not_fetched(remote: Project) -> None:
    """Another run may forget a copy between the fetch and the index; a word that is no SHA-256 must not get in."""
    place = open_place("small", remote.folder / "pipelines.yaml", remote.cache)
    out = remote.folder / "clips.parquet"
    with pytest.raises(ClipsError, match="24 files are not fetched any more; the same command fetches them"):
        index_clips.fn(place.settings.clips, place.cache, facts_memory(place.cache), out)
    assert not out.exists()


def test_source_clips_and_gold_labels_may_lie_in_a_bucket(project: Project, bucket: Bucket) -> None:
    bucket.put_folder(project.folder / "source", "source/")
    gold = pl.read_csv(project.folder / "target" / "manifest.csv").select("clip_id", "label")
    bucket.put("gold.csv", gold.write_csv().encode())
    source = {"clips": {"folder": f"{bucket.url}/source", "manifest": f"{bucket.url}/source/manifest.csv"}}
    project.change(source=source, evaluate={"gold": f"{bucket.url}/gold.csv"})
    before = (project.folder / "classifier" / "model.safetensors").read_bytes()
    result = project.mifuse("train-source", "small", "--force")
    assert result.exit_code == 0, result.output
    assert (project.folder / "classifier" / "model.safetensors").read_bytes() == before
    assert project.stages_run(project.mifuse("run", "small")) == ["evaluate_student"]


def test_a_bucket_that_does_not_answer_is_the_reason_and_the_error(fetched: Project, bucket: Bucket) -> None:
    fetched.change(clips={"folder": "s3://nobody-has-this/calls"})
    status, run = fetched.mifuse("status", "small"), fetched.mifuse("run", "small")
    assert (status.exit_code, run.exit_code) == (0, 2)
    told = "s3://nobody-has-this/calls: no such file, folder or bucket"
    assert told in status.output
    assert f"error: {told}" in run.output


def test_what_else_is_wrong_is_told_before_the_download(remote: Project, bucket: Bucket) -> None:
    shutil.rmtree(remote.folder / "classifier")
    result = remote.mifuse("run", "small")
    assert result.exit_code == 2
    assert "train-source" in result.output
    assert bucket.asked("GET") == ["calls/manifest.csv"]


def test_a_fresh_run_over_a_bucket_starts_neither_prefect_nor_torch(fetched: Project) -> None:
    code = (
        "import sys\nfrom flows.__main__ import main\n"
        f"main(['run', 'small', '--pipelines', {str(fetched.folder / 'pipelines.yaml')!r}], standalone_mode=False)\n"
        "print(sorted({'prefect', 'torch', 'google.genai', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "everything is fresh" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
