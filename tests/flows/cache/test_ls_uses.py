"""`mifuse cache ls`: what each pipeline shows, what is kept besides, and who uses which folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.storage.folder_sizes import size_of
from tests.flows.cache.conftest import Folder
from tests.flows.cache.project import fill, listed, mifuse_cache, rename
from tests.flows.conftest import Project
from tests.storage.conftest import Cache


def row_of(told: str, *words: str) -> str:
    """The one line that begins with these words."""
    (row,) = [line for line in told.splitlines() if line.split()[: len(words)] == list(words)]
    return row


def test_each_nodes_result_is_told_with_its_size_and_what_it_took(project: Project) -> None:
    told = listed(project)
    assert [result["node"] for result in told["results"]] == [
        "index_clips",
        "mc_dropout.classifier",
        "query_lalm.lalm",
        "fuse_labels",
        "train_student",
        "evaluate_student",
    ]
    assert {result["pipeline"] for result in told["results"]} == {"small"}
    student = told["results"][4]
    assert student["bytes"] == size_of(Path(student["folder"])).bytes > 100_000
    assert student["took_s"] > 0
    assert student["made"].endswith("+00:00")
    row = row_of(mifuse_cache(project, "ls").output, "small", "train_student")
    assert f"{student['took_s']:.1f} s" in row
    assert student["made"][:16].replace("T", " ") in row


def test_features_draws_and_answers_are_told_with_who_uses_them(project: Project) -> None:
    folders = listed(project)["folders"]
    assert folders["answers"]["used_by"] == ["small"]
    for shared in ("features", "mc_draws"):
        (below,) = folders[shared]["folders"].values()
        assert below["used_by"] == ["small"]
        assert below["files"] == folders[shared]["files"] > 0


def test_what_no_pipeline_uses_is_told_so(project: Project) -> None:
    fill(project.cache / "features" / "huggingface-0123")
    told = listed(project)["folders"]["features"]
    assert told["folders"]["huggingface-0123"]["note"] == "no present settings use it"
    assert "no present settings use it" in row_of(mifuse_cache(project, "ls").output, "huggingface-0123")


def test_a_pipeline_that_is_no_longer_in_pipelines_yaml_is_told_so(project: Project) -> None:
    rename(project, "big")
    told = mifuse_cache(project, "ls").output
    assert "a pipeline's results; not in pipelines.yaml" in told
    assert "used by big" in told


def test_what_cannot_be_told_without_a_trained_classifier_is_told_so(project: Project) -> None:
    shutil.rmtree(project.folder / "classifier")
    (features,) = listed(project)["folders"]["features"]["folders"].values()
    assert (features["used_by"], features["note"]) == ([], "perhaps of small")


def test_earlier_results_are_told_in_one_line_with_what_frees_them(cache: Folder) -> None:
    assert "earlier result" not in cache.mifuse("ls").output
    Cache(cache.root).finish("f2")
    assert "1 earlier result, " in cache.mifuse("ls").output
    assert "which no pipeline shows; `mifuse cache rm --unused` frees" in cache.mifuse("ls").output


def test_a_result_that_somebody_removed_is_told(cache: Folder) -> None:
    shutil.rmtree(cache.result)
    assert row_of(cache.mifuse("ls").output, "calls", "fuse_labels").endswith("not in the store any more")


def test_a_result_that_two_pipelines_show_is_counted_once(cache: Folder) -> None:
    shutil.copytree(cache.root / "calls", cache.root / "other", symlinks=True)
    told = cache.mifuse("ls").output
    assert row_of(told, "calls", "fuse_labels").endswith("shown by 2 pipelines")
    assert "earlier result" not in told


def test_what_killed_runs_left_is_told(cache: Folder) -> None:
    assert "left over" not in cache.mifuse("ls").output
    Cache(cache.root).write("half")
    (cache.root / "audio" / f".hashes.parquet-{'0' * 32}").touch()
    assert "left over by killed runs: 2, " in cache.mifuse("ls").output


def test_without_a_pipelines_yaml_that_is_told_of_every_pipeline(cache: Folder) -> None:
    assert f"a pipeline's results; {cache.pipelines} cannot be read" in cache.mifuse("ls").output


@pytest.mark.parametrize("words", [("ls",), ("rm", "--unused", "--yes")])
def test_neither_torch_nor_prefect_is_started_to_find_that_out(words: tuple[str, ...], project: Project) -> None:
    where = ["--pipelines", str(project.folder / "pipelines.yaml"), "--cache", str(project.cache)]
    script = (
        "import sys; from flows.__main__ import main; main(sys.argv[1:], standalone_mode=False); "
        "print(sorted({'torch', 'prefect', 'transformers'} & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", script, "cache", *words, *where], capture_output=True, text=True)
    assert told.stdout.splitlines()[-1:] == ["[]"], told.stderr


def test_before_the_targets_statistics_are_estimated_nothing_is_drawn_with_them(project: Project) -> None:
    classifier = {"kind": "mc_dropout", "path": "classifier", "draws": 4, "standardise": "target"}
    project.change(teachers={"lalm": {"kind": "simulated", "draws": 3}, "classifier": classifier})
    (draws,) = listed(project)["folders"]["mc_draws"]["folders"].values()
    assert (draws["used_by"], draws["note"]) == ([], "no present settings use it")
