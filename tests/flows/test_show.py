"""The commands that only look: check, plan, status, inspect, report; and predict."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.flows.conftest import SETTINGS, Project


def test_check_tells_what_a_sound_pipeline_is_made_of(finished_project: Project) -> None:
    told = finished_project.mifuse("check").output
    assert "small: sound. Classes angry, happy, neutral, sad; teachers" in told
    assert "lalm (simulated)" in told


def test_status_as_json_names_each_node_and_its_reasons(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    nodes = {node["node"]: node for node in json.loads(project.mifuse("status", "--json").output)["small"]}
    index = nodes["index_clips"]
    assert index.pop("took_s") > 0
    assert len(index.pop("fingerprint")) == 64
    assert index == {"node": "index_clips", "stage": "index_clips", "fresh": True, "needs_work": False, "reasons": []}
    told = "fuse.kind: mutual_information → equal"
    reason = {"kind": "setting", "text": told, "setting": "fuse.kind", "old": "mutual_information", "new": "equal"}
    assert nodes["fuse_labels"]["reasons"] == [reason]
    assert not nodes["evaluate_student"]["fresh"]


def test_status_deep_notices_an_edit_that_kept_size_and_time(project: Project) -> None:
    import os

    file = project.results / "pseudo_labels.parquet"
    stat = file.stat()
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert "was edited" not in project.mifuse("status", "small").output
    assert "pseudo_labels.parquet was edited" in project.mifuse("status", "small", "--deep").output


def test_plan_tells_new_calls_and_spends_nothing(project: Project) -> None:
    project.change(teachers=SETTINGS["teachers"] | {"lalm": {"kind": "gemini", "draws": 3}})
    told = project.mifuse("plan", "small").output
    assert "72 new draws" in told
    assert "$0.0" in told
    assert "query_lalm.lalm" in told
    assert "teachers.lalm" in told


def test_plan_of_a_fresh_pipeline_says_so(finished_project: Project) -> None:
    assert "everything is fresh; nothing would run" in finished_project.mifuse("plan", "small").output


def test_plan_before_the_first_run_counts_every_clip(project: Project) -> None:
    import shutil

    shutil.rmtree(project.cache)
    assert "72 new draws" in project.mifuse("plan", "small").output


def test_plan_without_a_price_says_that_none_is_known(project: Project) -> None:
    lalm = {"kind": "gemini", "model": "gemini-9", "draws": 3}
    project.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    assert "cost unknown, since gemini-9 has no price" in project.mifuse("plan", "small").output


def test_a_run_nobody_can_agree_to_without_a_ceiling_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "any")
    lalm = {"kind": "gemini", "model": "gemini-9", "draws": 3}
    project.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "nobody can be asked, and nothing bounds what it spends. Give the model a price" in result.output


def test_inspect_shows_the_doubtful_clips_first(finished_project: Project) -> None:
    told = finished_project.mifuse("inspect", "small", "--limit", "3").output
    least = pl.read_parquet(finished_project.results / "pseudo_labels.parquet").sort("margin")["clip_id"][0]
    assert told.index(least) < told.index("24 of 24 clips")


def test_inspect_takes_a_condition_and_writes_csv(finished_project: Project, tmp_path: Path) -> None:
    file = tmp_path / "chosen.csv"
    finished_project.mifuse("inspect", "small", "--where", "NOT agreement", "--csv", str(file))
    chosen = pl.read_csv(file)
    table = pl.read_parquet(finished_project.results / "pseudo_labels.parquet")
    assert chosen.height == table.filter(~pl.col("agreement")).height


def test_report_prints_the_table_and_where_the_report_lies(finished_project: Project) -> None:
    told = finished_project.mifuse("report", "small").output
    assert "source classifier" in told
    assert str(finished_project.results / "report.html") in told


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_predict_agrees_with_the_pipelines_own_predictions(
    finished_project: Project, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    student, audio = finished_project.results / "student", finished_project.folder / "target" / "audio"
    assert finished_project.mifuse("predict", str(student), str(audio), "--out", str(out)).exit_code == 0
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}[suffix](out)
    own = pl.read_parquet(finished_project.results / "predictions.parquet")
    both = own.join(
        read, left_on=pl.col("path").str.split("/").list.last(), right_on=pl.col("path").str.split("/").list.last()
    )
    assert both.height == 24
    assert (both["label"].cast(pl.String) == both["label_right"].cast(pl.String)).all()


def test_predict_names_and_leaves_out_what_cannot_be_read(finished_project: Project, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no audio")
    good = next((finished_project.folder / "target" / "audio").iterdir())
    student = str(finished_project.results / "student")
    result = finished_project.mifuse("predict", student, str(tmp_path / "bad.wav"), str(good))
    assert "left out:" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.wav"], "no such audio file or folder"),
        (["{audio}", "--out", "x.xlsx"], 'unknown ending ".xlsx". Expected .csv, .jsonl, .parquet'),
    ],
)
def test_predict_refuses(finished_project: Project, words: list[str], told: str) -> None:
    audio = str(finished_project.folder / "target" / "audio")
    student = str(finished_project.results / "student")
    result = finished_project.mifuse("predict", student, *(word.format(audio=audio) for word in words))
    assert result.exit_code == 2
    assert told in result.output


def test_predict_refuses_a_folder_that_is_no_student(finished_project: Project, tmp_path: Path) -> None:
    result = finished_project.mifuse("predict", str(tmp_path), "x.wav")
    assert result.exit_code == 2
    assert "no classifier there" in result.output


def test_plan_counts_clips_that_the_stale_index_does_not_know(project: Project) -> None:
    import shutil

    project.change(clips={"folder": "target"})
    project.mifuse("run", "small")
    shutil.copytree(project.folder / "source" / "audio", project.folder / "target" / "more")
    assert "96 new draws" in project.mifuse("plan", "small").output
