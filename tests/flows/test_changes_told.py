"""What `mifuse status` says beyond one line per change: lists of clips, chains of stages, other stages' causes."""

from __future__ import annotations

import json
import shutil
from typing import Any

import polars as pl
import pytest
from click.testing import Result

from tests.flows.changes_made import add_clip, edit_output, first_path, lalm, rename_clip, student
from tests.flows.conftest import SETTINGS, Project


def lines_below(result: Result, node: str) -> list[str]:
    """What the status says of one stage."""
    lines = result.output.splitlines()
    start = next(n for n, line in enumerate(lines) if line.split()[:1] == [node]) + 1
    end = next(n for n, line in enumerate(lines) if n >= start and not line.startswith("      "))
    return [line.strip() for line in lines[start:end]]


def reasons_of(project: Project, node: str) -> list[dict[str, Any]]:
    told = json.loads(project.mifuse("status", "small", "--json").output)["small"]
    return next(each["reasons"] for each in told if each["node"] == node)


def test_verbose_lists_the_clips_by_what_happened_to_them(project: Project) -> None:
    old = first_path(project)
    rename_clip(project)
    add_clip(project)
    told = lines_below(project.mifuse("status", "small", "--verbose"), "index_clips")
    assert told == [
        "1 clip added, 1 renamed",
        "added      audio/new.wav",
        f"renamed    {old} → audio/moved.wav",
    ]


def test_json_holds_all_lists(project: Project) -> None:
    add_clip(project)
    clips = {"added": ["audio/new.wav"], "removed": [], "changed": [], "renamed": {}, "columns": {}}
    assert reasons_of(project, "index_clips") == [{"kind": "input", "text": "1 clip added", "clips": clips}]


def test_a_rewritten_manifest_that_says_the_same_is_told_as_such(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("\n", "\r\n"))
    assert lines_below(project.mifuse("status", "small"), "index_clips") == ["manifest: rewritten, with the same rows"]


def test_a_stage_that_waits_names_what_it_reads_from_once(project: Project) -> None:
    """Not fuse_labels' other stages, which wait for the same."""
    add_clip(project)
    told = project.mifuse("status", "small")
    assert lines_below(told, "fuse_labels") == ["reads from index_clips, which is stale"]
    assert lines_below(told, "evaluate_student") == ["reads from index_clips, which is stale"]


def test_a_stage_that_waits_tells_its_own_causes_first(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    student(seed=1)(project)
    (project.results / "student" / "model.safetensors").unlink()
    assert lines_below(project.mifuse("status", "small"), "train_student") == [
        "fuse.kind: mutual_information → equal",
        "student.seed: 0 → 1",
        "student was edited: files were added or deleted",
        "reads from fuse_labels, which is stale",
    ]


def test_a_mistake_is_told_beside_the_causes_that_are_known(project: Project) -> None:
    project.change(evaluate={"gold": "nowhere.csv"}, clips=SETTINGS["clips"] | {"labels": {"angry": "sad"}})
    kinds = [reason["kind"] for reason in reasons_of(project, "evaluate_student")]
    assert kinds == ["setting", "mistake", "upstream"]


def test_what_another_stage_ran_for_is_told_by_those_that_read_from_it(project: Project) -> None:
    lalm(draws=2)(project)
    assert project.mifuse("run", "small", "--only", "query_lalm").exit_code == 0
    cause = "draws/lalm.parquet changed: query_lalm.lalm ran (teachers.lalm.draws: 3 → 2)"
    assert reasons_of(project, "fuse_labels") == [{"kind": "input", "text": cause, "node": "query_lalm.lalm"}]


def test_a_long_chain_is_cut_to_its_ends(project: Project) -> None:
    """The index ran for a new clip, then the LALM's stage for the index: the fusion names both, in one line."""
    add_clip(project)
    for stage in ("index_clips", "mc_dropout", "query_lalm"):
        assert project.mifuse("run", "small", "--only", stage).exit_code == 0
    told = lines_below(project.mifuse("status", "small"), "fuse_labels")
    assert told == [
        "clips.parquet changed: index_clips ran (1 clip added)",
        "draws/classifier.parquet changed: mc_dropout.classifier ran, after index_clips ran (1 clip added)",
        "draws/lalm.parquet changed: query_lalm.lalm ran, after index_clips ran (1 clip added)",
    ]


def test_a_stage_that_went_back_to_an_earlier_result_did_not_run(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    project.mifuse("run", "small")
    shutil.rmtree(project.cache / "store" / "evaluate_student")
    project.change(fuse=SETTINGS["fuse"])
    project.mifuse("run", "small", "--only", "fuse_labels")
    told = lines_below(project.mifuse("status", "small"), "evaluate_student")
    cause = "fuse_labels went back to an earlier result (fuse.kind: equal → mutual_information)"
    assert f"pseudo_labels.parquet changed: {cause}" in told


def test_the_record_says_what_a_stage_ran_for(project: Project) -> None:
    """A setting, then force alone."""
    lalm(draws=2)(project)
    project.mifuse("run", "small", "--only", "query_lalm")
    record = project.results / ".records" / "query_lalm.lalm.json"
    assert json.loads(record.read_text())["reasons"] == ["teachers.lalm.draws: 3 → 2"]
    project.mifuse("run", "small", "--only", "query_lalm", "--force", "query_lalm")
    assert json.loads(record.read_text())["reasons"] == ["forced"]


@pytest.mark.parametrize("command", ["status", "plan"])
def test_to_look_makes_no_cache(project: Project, command: str) -> None:
    shutil.rmtree(project.cache)
    result = project.mifuse(command, "small")
    assert result.exit_code == 0
    assert "has not run yet" in result.output
    assert not project.cache.exists()


@pytest.mark.parametrize("words", [["status"], ["status", "--deep"], ["plan"], ["report"], ["inspect"]], ids=" ".join)
def test_to_look_changes_no_file_of_the_results(project: Project, words: list[str]) -> None:
    edit_output(project)
    files = [path for path in project.cache.rglob("*") if path.is_file() and "audio" not in path.parts]
    before = {path: path.stat().st_mtime_ns for path in files}
    project.mifuse(words[0], "small", *words[1:])
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_the_summary_says_how_many_stages_are_stale_and_what_tells_the_cost(project: Project) -> None:
    student(steps=20)(project)
    assert "2 of 6 stages stale; `mifuse plan small` says what that costs" in project.mifuse("status", "small").output


def test_columns_are_as_wide_as_the_longest_name(project: Project) -> None:
    teachers = SETTINGS["teachers"] | {"lalm_of_a_long_name": {"kind": "simulated", "draws": 2}}
    project.change(teachers=teachers)
    lines = [line for line in project.mifuse("status", "small").output.splitlines() if line[2:3].strip()]
    states = {line.rindex(" ") for line in lines if line.split()[-1] in ("fresh", "stale")}
    assert len(states - {max(map(len, lines))}) == 1


def test_the_old_and_the_new_value_of_a_setting_stand_in_json(project: Project) -> None:
    lalm(draws=5)(project)
    text = "teachers.lalm.draws: 3 → 5"
    expected = {"kind": "setting", "text": text, "setting": "teachers.lalm.draws", "old": 3, "new": 5}
    assert reasons_of(project, "query_lalm.lalm") == [expected]


def test_a_recording_named_twice_is_told(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    table = pl.read_csv(manifest)
    pl.concat([table, table.head(1).with_columns(clip_id=pl.lit("target-last"))]).write_csv(manifest)
    assert lines_below(project.mifuse("status", "small"), "index_clips") == ["manifest: names a recording twice"]
