"""`mifuse run`: what is stale runs, what is fresh does not, and what was paid or computed is never lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from tests.flows.conftest import SETTINGS, Project

AFTER_FUSION = ["fuse_labels", "train_student", "evaluate_student"]


def calls_made(result: Result) -> int:
    """From what the run printed; a run that did not come to the LALM made none."""
    told = re.search(r"query_lalm.lalm .* calls ([\d,]+)", result.output)
    return int(told[1].replace(",", "")) if told else 0


def test_a_run_leaves_every_result_where_the_design_says(finished_project: Project) -> None:
    expected = {"clips.parquet", "draws", "pseudo_labels.parquet", "student", "metrics.json", "report.html"}
    assert expected <= {path.name for path in finished_project.results.iterdir()}
    assert {path.name for path in (finished_project.results / "draws").iterdir()} == {
        "lalm.parquet",
        "classifier.parquet",
    }


def test_a_run_from_nothing_asks_each_draw_of_each_clip_once(project: Project) -> None:
    shutil.rmtree(project.cache)
    assert calls_made(project.mifuse("run", "small")) == 24 * 3


def test_metrics_hold_the_four_systems_as_fractions(finished_project: Project) -> None:
    metrics = json.loads((finished_project.results / "metrics.json").read_text())
    assert {"source", "lalm", "fused", "student"} <= metrics.keys()
    assert all(0 <= metrics[name]["ua"] <= 1 for name in ("source", "lalm", "fused", "student"))


def test_a_second_run_finds_everything_fresh(project: Project) -> None:
    result = project.mifuse("run", "small")
    assert "everything is fresh; nothing to run, no call made" in result.output
    assert project.stages_run(result) == []


def test_a_fresh_run_starts_neither_prefect_nor_torch(project: Project) -> None:
    code = (
        "import sys\nfrom flows.__main__ import main\n"
        f"main(['run', 'small', '--pipelines', {str(project.folder / 'pipelines.yaml')!r}], standalone_mode=False)\n"
        "print(sorted({'prefect', 'torch', 'google.genai', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "everything is fresh" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_imports_neither_polars_nor_pydantic() -> None:
    code = (
        "import sys\nfrom flows.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'polars', 'pydantic', 'prefect', 'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_another_rule_runs_fusion_training_and_evaluation_only(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    status = project.mifuse("status", "small").output
    assert "fuse.kind: mutual_information → equal" in status
    result = project.mifuse("run", "small")
    assert project.stages_run(result) == AFTER_FUSION


def test_going_back_to_earlier_settings_runs_nothing(project: Project) -> None:
    before = (project.results / "pseudo_labels.parquet").read_bytes()
    project.change(fuse={"kind": "equal"})
    project.mifuse("run", "small")
    project.change(fuse=SETTINGS["fuse"])
    result = project.mifuse("run", "small")
    assert project.stages_run(result) == []
    assert result.output.count("an earlier result has the same settings and inputs") == 3
    assert (project.results / "pseudo_labels.parquet").read_bytes() == before


def test_more_draws_ask_only_the_further_ones(project: Project) -> None:
    teachers = SETTINGS["teachers"] | {"lalm": {"kind": "simulated", "draws": 5}}
    project.change(teachers=teachers)
    assert "48 new draws" in project.mifuse("plan", "small").output
    assert calls_made(project.mifuse("run", "small")) == 24 * 2


def test_a_renamed_clip_costs_no_call_and_no_training(project: Project) -> None:
    project.change(clips={"folder": "target"})  # no manifest: the clip's id is its path
    project.mifuse("run", "small")
    first = next((project.folder / "target" / "audio").iterdir())
    first.rename(first.with_stem("renamed"))
    assert "1 clip renamed" in project.mifuse("status", "small").output
    result = project.mifuse("run", "small")
    assert "query_lalm.lalm" in project.stages_run(result)
    assert calls_made(result) == 0
    assert "train_student" not in project.stages_run(result)
    assert "audio/renamed" in pl.read_parquet(project.results / "pseudo_labels.parquet")["clip_id"]


def test_a_changed_gold_label_runs_index_and_evaluation_only(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",angry,", ",sad,", 1))
    result = project.mifuse("run", "small")
    assert project.stages_run(result) == ["index_clips", "evaluate_student"]


def test_a_removed_clip_asks_nothing_and_is_named_in_the_status(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    assert "1 clip removed" in project.mifuse("status", "small").output
    assert calls_made(project.mifuse("run", "small")) == 0
    assert pl.read_parquet(project.results / "pseudo_labels.parquet").height == 23


@pytest.mark.parametrize("output", ["pseudo_labels.parquet", "draws/lalm.parquet", "metrics.json"])
def test_an_output_edited_by_hand_is_noticed_and_made_again(project: Project, output: str) -> None:
    file = project.results / output
    before = file.read_bytes()
    file.write_bytes(before[:-1] + b"x")
    assert f"{output} was edited" in project.mifuse("status", "small").output
    project.mifuse("run", "small")
    if output != "draws/lalm.parquet":
        assert file.read_bytes() == before
    assert "everything is fresh" in project.mifuse("run", "small").output


def test_a_deleted_output_is_shown_again_without_work(project: Project) -> None:
    (project.results / "pseudo_labels.parquet").unlink()
    assert "pseudo_labels.parquet was deleted" in project.mifuse("status", "small").output
    result = project.mifuse("run", "small")
    assert project.stages_run(result) == []
    assert (project.results / "pseudo_labels.parquet").is_file()


def test_a_touched_output_stays_fresh(project: Project) -> None:
    os.utime(project.results / "metrics.json")
    assert "everything is fresh" in project.mifuse("run", "small").output


def test_a_cache_that_moved_stays_fresh(project: Project) -> None:
    shutil.move(project.folder / "cache", project.folder / "elsewhere")
    shutil.copytree(project.folder / "elsewhere", project.folder / "cache", symlinks=True)
    assert "everything is fresh" in project.mifuse("run", "small").output


def test_force_runs_a_fresh_stage_again_with_the_same_result(project: Project) -> None:
    before = (project.results / "pseudo_labels.parquet").read_bytes()
    result = project.mifuse("run", "small", "--force", "fuse_labels")
    assert project.stages_run(result) == ["fuse_labels"]
    assert (project.results / "pseudo_labels.parquet").read_bytes() == before


def test_only_leaves_later_stages_stale(project: Project) -> None:
    project.change(fuse={"kind": "entropy"})
    result = project.mifuse("run", "small", "--only", "fuse_labels")
    assert project.stages_run(result) == ["fuse_labels"]
    assert "train_student            stale" in project.mifuse("status", "small").output


def test_only_a_stage_whose_input_is_stale_is_refused(project: Project) -> None:
    project.change(fuse={"kind": "entropy"})
    result = project.mifuse("run", "small", "--only", "train_student")
    assert result.exit_code == 2
    assert "train_student cannot run yet: it reads from fuse_labels, which is stale" in result.output


def test_an_unknown_stage_is_refused_with_the_known_ones(project: Project) -> None:
    result = project.mifuse("run", "small", "--only", "fuse")
    assert result.exit_code == 2
    assert 'no stage "fuse". The stages are index_clips, target_statistics, mc_dropout' in result.output


def test_a_result_that_was_cut_off_before_its_record_does_not_count(project: Project) -> None:
    for record in (project.cache / "store" / "fuse_labels").glob("*/record.json"):
        record.unlink()
    (project.results / ".records" / "fuse_labels.json").unlink()
    assert project.stages_run(project.mifuse("run", "small")) == ["fuse_labels"]


def test_two_runs_from_nothing_give_the_same_tables_and_student(project: Project, tmp_path: Path) -> None:
    again = Project(tmp_path / "again")
    shutil.copytree(project.folder, again.folder, ignore=shutil.ignore_patterns("cache"))
    assert again.mifuse("run", "small").exit_code == 0
    same = ["clips.parquet", "draws/classifier.parquet", "pseudo_labels.parquet", "student/model.safetensors"]
    for output in [*same, "metrics.json", "predictions.parquet"]:
        assert (again.results / output).read_bytes() == (project.results / output).read_bytes(), output
    left_out = ["latency_s", "answered_at"]
    ours, theirs = (pl.read_parquet(p.results / "draws" / "lalm.parquet").drop(left_out) for p in (again, project))
    assert ours.equals(theirs)
