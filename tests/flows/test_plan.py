"""`mifuse plan`: what a run would do, counted; the run that follows does exactly that."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from flows.amounts import Amount
from flows.plan import told_time
from tasks.storage.stage_records import Record
from tests.flows.changes_made import add_clip, classifier, in_first, lalm, student
from tests.flows.changes_table import CHANGES
from tests.flows.conftest import SETTINGS, Project


def planned(project: Project, *options: str) -> dict[str, Any]:
    result = project.mifuse("plan", "small", "--json", *options)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def rows_of(plan: dict[str, Any]) -> dict[str, int | None]:
    return {step["node"]: step["rows"] for step in plan["steps"]}


def test_more_draws_of_the_classifier_are_counted_as_the_run_computes_them(project: Project) -> None:
    classifier(draws=6)(project)
    assert rows_of(planned(project))["mc_dropout.classifier"] == 48


def test_a_new_clip_is_counted_in_each_stage(project: Project) -> None:
    add_clip(project)
    rows = rows_of(planned(project))
    assert (rows["index_clips"], rows["mc_dropout.classifier"], rows["query_lalm.lalm"]) == (1, 4, 3)


def test_clips_that_the_encoder_has_not_heard_are_told(project: Project) -> None:
    add_clip(project)
    told = project.mifuse("plan", "small").output
    assert "4 of 100 draws to compute, 1 clip for the encoder to hear" in told


def test_draws_are_not_counted_while_the_statistics_are_unknown(project: Project) -> None:
    classifier(standardise="target")(project)
    assert rows_of(planned(project))["mc_dropout.classifier"] is None
    assert "up to 96 draws to compute: all, if the target's statistics change" in project.mifuse("plan", "small").output


@pytest.mark.parametrize("what", ["more draws of the LALM", "prompt", "another recording"])
def test_the_calls_are_those_of_the_table(project: Project, what: str) -> None:
    change = next(change for change in CHANGES if change.what == what)
    change.make(project)
    assert planned(project)["draws"] == change.calls


def test_what_is_certain_and_what_depends_is_told(project: Project) -> None:
    in_first("label", "sad")(project)
    steps = {step["node"]: step["certain"] for step in planned(project)["steps"]}
    assert steps == dict.fromkeys(steps, False) | {"index_clips": True}
    told = project.mifuse("plan", "small").output
    assert "6 of 6 stages would run, 5 of them only if the earlier ones give something new" in told


def test_a_stage_with_a_cause_of_its_own_is_certain(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    steps = {step["node"]: step["certain"] for step in planned(project)["steps"]}
    assert steps == {"fuse_labels": True, "train_student": True, "evaluate_student": False}


@pytest.mark.parametrize(
    ("options", "nodes"),
    [
        (["--only", "fuse_labels"], ["fuse_labels"]),
        (["--from", "train_student"], ["train_student", "evaluate_student"]),
        (["--force", "index_clips"], ["index_clips", "fuse_labels", "train_student", "evaluate_student"]),
    ],
    ids=" ".join,
)
def test_it_takes_the_options_of_a_run(project: Project, options: list[str], nodes: list[str]) -> None:
    project.change(fuse={"kind": "equal"})
    assert list(rows_of(planned(project, *options))) == nodes


def test_a_stage_that_waits_for_one_that_is_left_out_cannot_run(project: Project) -> None:
    """As `mifuse run` with the same options says."""
    project.change(fuse={"kind": "equal"})
    told = project.mifuse("plan", "small", "--only", "evaluate_student").output
    assert "cannot run: it waits for fuse_labels, which --only or --from leaves out" in told


def test_force_is_named_as_the_reason(project: Project) -> None:
    told = project.mifuse("plan", "small", "--force", "fuse_labels").output
    assert "1 of 6 stages would run" in told
    assert "      forced\n" in told


def test_an_unknown_stage_is_refused_as_in_a_run(project: Project) -> None:
    result = project.mifuse("plan", "small", "--only", "fuse")
    assert result.exit_code == 2
    assert 'no stage "fuse". The stages are index_clips' in result.output


def test_an_earlier_result_costs_nothing(project: Project) -> None:
    (project.results / "pseudo_labels.parquet").unlink()
    told = project.mifuse("plan", "small").output
    assert "no stage would run; of 1 an earlier result is shown again" in told
    assert planned(project)["kept"] == ["fuse_labels"]


def test_the_time_of_training_grows_with_its_steps(project: Project) -> None:
    record = json.loads((project.results / ".records" / "train_student.json").read_text())
    student(steps=300)(project)
    step = planned(project)["steps"][0]
    assert step["node"] == "train_student"
    assert step["took_s"] == pytest.approx(10 * record["took_s"], abs=1e-3)


def test_a_training_that_goes_on_from_the_last_student_is_counted_with_its_own_steps(project: Project) -> None:
    student(warm_start=True)(project)
    assert rows_of(planned(project))["train_student"] == 6
    shutil.rmtree(project.results / ".records")
    assert rows_of(planned(project))["train_student"] == 30


def test_calls_take_at_least_what_the_limit_of_requests_allows(project: Project) -> None:
    lalm(draws=5, limits={"requests_per_minute": 12})(project)
    step = planned(project)["steps"][0]
    assert step["rows"] == 48
    assert step["took_s"] == pytest.approx(60 * 48 / 12)


def test_a_stage_that_has_never_run_has_no_time(project: Project) -> None:
    classifier(standardise="target")(project)
    assert planned(project)["steps"][0]["took_s"] is None
    told = project.mifuse("plan", "small").output
    assert "time: at least" in told
    assert "not known: target_statistics.classifier, mc_dropout.classifier" in told


def test_a_mistake_outside_leaves_the_amount_open(project: Project) -> None:
    (project.folder / "classifier" / "config.json").unlink()
    told = project.mifuse("plan", "small").output
    assert "no classifier there" in told
    assert "how much cannot be told before the mistake above is set right" in told


def test_a_plan_starts_neither_prefect_nor_torch_nor_an_sdk(project: Project) -> None:
    project.change(teachers=SETTINGS["teachers"] | {"lalm": {"kind": "gemini", "draws": 3}})
    code = (
        "import sys\nfrom flows.__main__ import main\n"
        f"main(['plan', 'small', '--pipelines', {str(project.folder / 'pipelines.yaml')!r}], standalone_mode=False)\n"
        "print(sorted({'prefect', 'torch', 'google.genai', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "72 draws to ask" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def recorded(took_s: float, **stats: int) -> Record:
    return Record("node", "f", 1, {}, {}, {}, stats, took_s)


@pytest.mark.parametrize(
    ("amount", "record", "took_s"),
    [
        (Amount("", 50, "computed"), recorded(8.0, computed=100), 4.0),
        (Amount("", 50, "computed"), recorded(8.0, computed=0), None),
        (Amount("", 0, "computed"), recorded(8.0, computed=0), 0.0),
        (Amount("", None, "computed"), recorded(8.0, computed=100), None),
        (Amount(""), recorded(8.0), 8.0),
        (Amount(""), None, None),
        (Amount("", 50, "calls", least_s=9.0), recorded(8.0, calls=100), 9.0),
        (Amount("", 50, "calls", least_s=9.0), None, 9.0),
    ],
)
def test_time_is_the_last_runs_by_the_row(amount: Amount, record: Record | None, took_s: float | None) -> None:
    """4 s for half of what took 8; nothing where the last run had nothing to do."""
    assert amount.took_s(record) == took_s


@pytest.mark.parametrize(("took_s", "told"), [(59, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h")])
def test_time_is_told_in_the_largest_unit(took_s: float, told: str) -> None:
    assert told_time(took_s) == told
