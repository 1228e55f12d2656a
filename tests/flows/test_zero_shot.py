"""A pipeline of three teachers, one of them a dual encoder whose repeats are chosen on source clips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.cache_unused import find_unused
from flows.cache_uses import cache_users, shared_use
from flows.place import look_at_place
from tasks.storage.features import FeatureStore
from tasks.storage.files import sha256_of_file
from tasks.storage.repeats import read_pair
from tests.encoders.clap_models import save_clap
from tests.flows.conftest import SETTINGS, Project

pytestmark = pytest.mark.timeout(300)
ZERO_SHOT: dict[str, Any] = {"kind": "zero_shot", "model": "./clap", "repeats": "chosen", "grid": [1, 2]}
TEACHERS = SETTINGS["teachers"] | {"clap": ZERO_SHOT}


@pytest.fixture(scope="module")
def finished(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Run once, after the two teachers had been. Not to be changed: see `three`."""
    folder = tmp_path_factory.mktemp("three") / "project"
    shutil.copytree(finished_project.folder, folder, symlinks=True)
    project = Project(folder)
    save_clap(folder / "clap")
    project.change(teachers=TEACHERS)
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    assert project.stages_run(result) == [
        "choose_repeats.clap", "zero_shot.clap", "fuse_labels", "train_student", "evaluate_student"
    ]  # fmt: skip
    return project


@pytest.fixture
def three(finished: Project, tmp_path: Path) -> Project:
    """A copy, to be changed."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def fingerprint(project: Project, node: str) -> str | None:
    return look_at_place("small", project.folder / "pipelines.yaml", project.cache).verdict(node).fingerprint


def planned(project: Project) -> dict[str, Any]:
    """Node → its step in the plan."""
    return {step["node"]: step for step in json.loads(project.mifuse("plan", "small", "--json").output)["steps"]}


def test_each_teacher_has_its_row_by_name(finished: Project) -> None:
    metrics = json.loads((finished.results / "metrics.json").read_text())
    assert metrics.keys() == {"source", "lalm", "clap", "fused", "student", "oracle"}
    assert metrics["clap"]["n"] == metrics["student"]["n"] == 24


def test_each_teacher_has_its_columns_and_its_share_of_the_weight(finished: Project) -> None:
    labels = pl.read_parquet(finished.results / "pseudo_labels.parquet")
    assert labels["clap_n_draws"].unique().to_list() == [3]
    assert labels["clap_mi"].min() > 0  # type: ignore[operator]
    weights = labels.select(f"{teacher}_weight" for teacher in TEACHERS)
    assert weights.min_horizontal().min() > 0  # type: ignore[operator]
    assert weights.sum_horizontal().round(9).unique().to_list() == [1.0]


def test_the_report_shows_how_each_pair_did_and_on_what(finished: Project) -> None:
    report = (finished.results / "report.html").read_text()
    assert "Heat map of clap: UA on source validation clips" in report
    assert "on source validation clips: those speakers of the labelled" in report
    assert "(clap: 8 clips)" in report


def test_every_stage_is_fresh_after_it(finished: Project) -> None:
    assert "all 8 stages fresh" in finished.mifuse("status", "small").output


def test_the_target_is_heard_once_with_the_chosen_repeats_and_the_source_with_all(finished: Project) -> None:
    stores = [FeatureStore(folder) for folder in (finished.cache / "features").glob("clap-*")]
    r_a, _ = read_pair(finished.results / "repeats" / "clap-chosen.parquet")
    heard = sorted(len(store.known()) for store in stores)
    assert r_a in (1, 2)
    assert heard == [8, 8 + 24]


def test_gold_of_the_target_has_no_part_in_the_choice(three: Project) -> None:
    before = {node: fingerprint(three, node) for node in ("choose_repeats.clap", "zero_shot.clap")}
    gold = pl.read_csv(three.folder / "target" / "manifest.csv")
    gold.with_columns(label=pl.col("label").reverse()).write_csv(three.folder / "target" / "manifest.csv")
    assert three.mifuse("run", "small", "--only", "index_clips").exit_code == 0
    assert {node: fingerprint(three, node) for node in before} == before
    assert list(planned(three)) == ["evaluate_student"]


def test_a_label_of_the_source_has(three: Project) -> None:
    labels = pl.read_csv(three.folder / "source" / "manifest.csv")
    labels.with_columns(label=pl.col("label").reverse()).write_csv(three.folder / "source" / "manifest.csv")
    steps = planned(three)
    assert next(iter(steps)) == "choose_repeats.clap"
    assert steps["choose_repeats.clap"]["reasons"][0]["kind"] == "input"
    assert not steps["zero_shot.clap"]["certain"]


def test_other_prompts_cost_no_pass_of_the_encoder(three: Project) -> None:
    fixed = {key: value for key, value in ZERO_SHOT.items() if key != "grid"} | {"repeats": [[1, 1], [2, 1]]}
    three.change(teachers=TEACHERS | {"clap": fixed | {"prompts": ["a {e} person", "{e}"]}})
    steps = planned(three)
    r_a, _ = read_pair(three.results / "repeats" / "clap-chosen.parquet")
    assert (
        steps["zero_shot.clap"]["to_do"] == "96 draws, 24 clips for the encoder to hear"
    )  # only the other number of repeats
    three.change(teachers=TEACHERS | {"clap": fixed | {"repeats": [[r_a, 1]], "prompts": ["a {e} person", "{e}"]}})
    assert planned(three)["zero_shot.clap"]["to_do"] == "48 draws, 0 clips for the encoder to hear"


def test_a_larger_grid_that_chooses_the_same_pair_makes_no_draw_anew(three: Project) -> None:
    before = read_pair(three.results / "repeats" / "clap-chosen.parquet")
    three.change(teachers=TEACHERS | {"clap": ZERO_SHOT | {"grid": [1, 2, 3]}})
    assert three.mifuse("run", "small", "--only", "choose_repeats").exit_code == 0
    assert read_pair(three.results / "repeats" / "clap-chosen.parquet") == before
    assert list(planned(three)) == ["evaluate_student"]  # whose report shows the larger grid


def test_a_renamed_clip_costs_nothing(three: Project) -> None:
    manifest, old = three.folder / "target" / "manifest.csv", "audio/target-00-0000.flac"
    (three.folder / "target" / old).rename(three.folder / "target" / "audio/renamed.flac")
    rows = pl.read_csv(manifest)
    rows.with_columns(pl.col("path").replace(old, "audio/renamed.flac")).write_csv(manifest)
    assert planned(three)["zero_shot.clap"]["to_do"] == "72 draws, 0 clips for the encoder to hear"


def test_a_new_clip_costs_its_own_pass(three: Project) -> None:
    """One of the source clips that the choice was not made on comes to the target too."""
    (heard,) = {
        frozenset(FeatureStore(f).known())
        for f in (three.cache / "features").glob("clap-*")
        if len(FeatureStore(f).known()) == 8
    }
    new = next(f for f in sorted((three.folder / "source" / "audio").glob("*.flac")) if sha256_of_file(f) not in heard)
    shutil.copy(new, three.folder / "target" / "audio")
    manifest = three.folder / "target" / "manifest.csv"
    rows = pl.read_csv(manifest)
    added = rows[:1].with_columns(
        **{name: pl.lit(f"audio/{new.name}" if name == "path" else new.stem) for name in ("path", "clip_id")}
    )
    pl.concat([rows, added.select(rows.columns)]).write_csv(manifest)
    assert planned(three)["zero_shot.clap"]["to_do"] == "75 draws, 1 clip for the encoder to hear"


def test_another_model_makes_the_choice_and_the_draws_stale(three: Project) -> None:
    save_clap(three.folder / "clap", seed=5)
    steps = planned(three)
    assert {"choose_repeats.clap", "zero_shot.clap"} <= steps.keys()
    assert steps["zero_shot.clap"]["certain"]


def test_where_the_model_lies_is_no_matter(three: Project) -> None:
    (three.folder / "clap").rename(three.folder / "moved")
    three.change(teachers=TEACHERS | {"clap": ZERO_SHOT | {"model": "./moved"}})
    assert "all 8 stages fresh" in three.mifuse("status", "small").output


def test_a_model_that_is_gone_is_told_by_check_and_by_status(three: Project) -> None:
    shutil.rmtree(three.folder / "clap")
    assert "not there yet: teachers.clap.model: no folder" in three.mifuse("check", "small").output
    assert "no CLAP there (config.json is missing)" in three.mifuse("status", "small").output


def test_its_features_are_in_use_as_long_as_the_pipeline_names_it(three: Project) -> None:
    pipelines = three.folder / "pipelines.yaml"
    (user,) = [each for each in cache_users(three.cache, pipelines) if each.name == "small"]
    stores = {folder.name for folder in (three.cache / "features").glob("clap-*")}
    assert len(stores) == 2
    assert stores <= shared_use(user).features
    assert not find_unused(three.cache, pipelines).shared
    three.change(teachers=SETTINGS["teachers"])
    assert {path.name for path in find_unused(three.cache, pipelines).shared} == stores


def test_the_model_card_names_it_among_the_teachers_and_not_among_the_paid(three: Project) -> None:
    assert three.mifuse("export", "small", str(three.folder / "given")).exit_code == 0
    card = (three.folder / "given" / "README.md").read_text()
    assert "`zero_shot`" in card
    terms = next(line for line in card.splitlines() if "some of which forbid training other models" in line)
    assert "zero-shot" not in terms


def test_without_a_paid_teacher_the_best_recipe_runs_and_is_free(three: Project) -> None:
    free = {"classifier": SETTINGS["teachers"]["classifier"], "clap": ZERO_SHOT}
    three.change(teachers=free, fuse={"kind": "generative"}, student={"kind": "mi_fuse", "recipe": "best", "steps": 10})
    assert "no draw to pay for" in three.mifuse("plan", "small").output
    result = three.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    assert three.stages_run(result) == ["fuse_labels", "train_student", "evaluate_student"]
