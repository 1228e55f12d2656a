"""`standardise: target` in a pipeline: when its statistics are estimated, when they are kept, and who uses them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.networks.folder import load_classifier
from tasks.networks.statistics import read_statistics
from tests.flows.conftest import SETTINGS, Project

NODE = "target_statistics.classifier"
STATISTICS = "statistics/classifier.parquet"
TEACHERS = SETTINGS["teachers"] | {"classifier": SETTINGS["teachers"]["classifier"] | {"standardise": "target"}}


@pytest.fixture(scope="module")
def first_run(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """Turned to the target's statistics and run on all clips but one, and what the run printed. Not to be changed."""
    project = Project(tmp_path_factory.mktemp("target") / "project")
    shutil.copytree(finished_project.folder, project.folder, symlinks=True)
    project.change(teachers=TEACHERS)
    keep_clips(project, 23)
    result = project.mifuse("run", "small")
    assert result.exit_code == 0
    return project, result.output


@pytest.fixture
def standing(first_run: tuple[Project, str], tmp_path: Path) -> Project:
    """A copy of that project."""
    shutil.copytree(first_run[0].folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def keep_clips(project: Project, n: int) -> None:
    """The first n clips of the manifest, of which the whole lies beside it."""
    manifest = project.folder / "target" / "manifest.csv"
    whole = manifest.with_name("whole.csv")
    if not whole.exists():
        shutil.copy(manifest, whole)
    manifest.write_text("\n".join(whole.read_text().splitlines()[: n + 1]) + "\n")


def draws(project: Project) -> pl.DataFrame:
    return pl.read_parquet(project.results / "draws" / "classifier.parquet")


def statistics(project: Project) -> bytes:
    return (project.results / STATISTICS).read_bytes()


def test_a_pipeline_with_the_sources_statistics_has_no_such_stage(finished_project: Project) -> None:
    assert "target_statistics" not in finished_project.mifuse("status", "small").output
    result = finished_project.mifuse("run", "small", "--only", "target_statistics")
    assert result.exit_code == 2
    assert "target_statistics: this pipeline has no such stage. Its stages are index_clips, mc_dropout" in result.output
    assert "the classifier has `standardise: target`" in result.output


def test_status_and_plan_tell_the_changed_setting_and_the_new_stage(project: Project) -> None:
    project.change(teachers=TEACHERS)
    status = project.mifuse("status", "small").output
    assert "teachers.classifier.standardise: source → target" in status
    assert f"{NODE} stale\n      has not run yet" in status
    assert re.search(rf"^  {re.escape(NODE)} .*\n      has not run yet$", project.mifuse("plan", "small").output, re.M)


def test_the_first_run_estimates_and_the_draws_are_others(
    first_run: tuple[Project, str], finished_project: Project
) -> None:
    project, printed = first_run
    assert "clips 23, statistics estimated" in printed
    both = draws(project).join(draws(finished_project), on=["sha256", "draw"])
    assert both.height == 23 * 4
    assert (both["p_sad"] - both["p_sad_right"]).abs().max() > 0.01
    assert "everything is fresh" in project.mifuse("run", "small").output


def test_the_student_that_predicts_has_the_targets_statistics(first_run: tuple[Project, str]) -> None:
    project, _ = first_run
    student, _ = load_classifier(project.results / "student")
    assert torch.equal(student.mean_LD, read_statistics(project.results / STATISTICS).mean_LD)


def test_one_more_clip_changes_neither_the_statistics_nor_the_draws_of_the_others(standing: Project) -> None:
    before, drawn = statistics(standing), draws(standing)
    keep_clips(standing, 24)
    result = standing.mifuse("run", "small")
    assert "clips 24, drift 0.0" in result.output
    assert "statistics kept (estimated on 23 clips)" in result.output
    assert statistics(standing) == before
    assert draws(standing).filter(pl.col("sha256").is_in(drawn["sha256"].to_list())).equals(drawn)
    assert draws(standing).height == 24 * 4


def test_force_estimates_again_and_the_draws_follow(standing: Project) -> None:
    before, drawn = statistics(standing), draws(standing)
    keep_clips(standing, 24)
    result = standing.mifuse("run", "small", "--force", "target_statistics")
    assert "statistics re-estimated, forced: drift 0.0" in result.output
    assert standing.stages_run(result)[:2] == [NODE, "mc_dropout.classifier"]
    assert statistics(standing) != before
    assert not draws(standing).filter(pl.col("sha256").is_in(drawn["sha256"].to_list())).equals(drawn)


def test_force_of_a_fresh_pipeline_finds_the_same_and_nothing_else_runs(standing: Project) -> None:
    before = statistics(standing)
    result = standing.mifuse("run", "small", "--force", "target_statistics")
    assert standing.stages_run(result) == [NODE]
    assert statistics(standing) == before


def test_other_clips_are_a_drift(standing: Project) -> None:
    before = statistics(standing)
    keep_clips(standing, 5)
    result = standing.mifuse("run", "small")
    assert "statistics re-estimated: drift 0." in result.output
    assert statistics(standing) != before


def test_another_classifier_has_the_statistics_estimated_again(standing: Project) -> None:
    keep_clips(standing, 24)
    weights = standing.folder / "classifier" / "model.safetensors"
    save_file({name: 1.5 * tensor for name, tensor in load_file(weights).items()}, weights)
    result = standing.mifuse("run", "small")
    assert "statistics re-estimated: another classifier" in result.output


def test_edited_statistics_are_noticed_and_not_frozen(standing: Project) -> None:
    before = statistics(standing)
    table = pl.read_parquet(standing.results / STATISTICS)
    table.with_columns(pl.col("mean") + 0.01 * pl.col("std")).write_parquet(standing.results / STATISTICS)
    assert f"{STATISTICS} was edited" in standing.mifuse("status", "small").output
    assert "statistics estimated" in standing.mifuse("run", "small").output
    assert statistics(standing) == before


def test_going_back_to_the_source_and_to_the_target_again_costs_nothing(standing: Project) -> None:
    before = statistics(standing)
    keep_clips(standing, 24)
    standing.mifuse("run", "small")
    keep_clips(standing, 24)
    standing.change(teachers=SETTINGS["teachers"])
    back = standing.mifuse("run", "small")
    assert standing.stages_run(back) == []
    standing.change(teachers=TEACHERS)
    again = standing.mifuse("run", "small")
    assert standing.stages_run(again) == []
    assert statistics(standing) == before


def test_a_changed_gold_label_runs_index_and_evaluation_only(standing: Project) -> None:
    manifest = standing.folder / "target" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",angry,", ",sad,", 1))
    assert standing.stages_run(standing.mifuse("run", "small")) == ["index_clips", "evaluate_student"]


@pytest.fixture
def checkpoint(project: Project) -> Project:
    """The project with a transformers checkpoint in the place of its classifier."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

    torch.manual_seed(0)
    names = dict(enumerate(SETTINGS["classes"]))
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        id2label=names,
        label2id={label: place for place, label in names.items()},
    )
    folder = project.folder / "classifier"
    shutil.rmtree(folder)
    Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return project


@pytest.mark.parametrize(
    ("changed", "found", "remedy"),
    [
        ({"teachers": TEACHERS}, "teachers.classifier.standardise", "`standardise: source` under teachers.classifier"),
        ({"student": {"recipe": "best"}}, "student.standardise", "`standardise: teacher` under student"),
        ({"student": {"kind": "cohort"}}, "student.standardise", "`standardise: teacher` under student"),
        ({"student": {"kind": "label_signal"}}, "student.standardise", "`standardise: teacher` under student"),
    ],
    ids=["teacher", "student", "cohort", "label_signal"],
)
def test_a_transformers_checkpoint_has_no_statistics_to_replace(
    checkpoint: Project, changed: dict[str, Any], found: str, remedy: str
) -> None:
    checkpoint.change(**changed)
    before = json.loads((checkpoint.results / ".records" / "index_clips.json").read_text())
    result = checkpoint.mifuse("run", "small")
    assert result.exit_code == 2
    assert f"{found} is target, but this transformers checkpoint was trained without" in result.output
    assert f"Set {remedy}." in result.output
    assert json.loads((checkpoint.results / ".records" / "index_clips.json").read_text()) == before
