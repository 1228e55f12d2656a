"""A run that is stopped keeps what it paid for: daily quota, budget, provider out, Ctrl-C, SIGKILL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import polars as pl
import pytest

from tasks.teachers.loopback.server import LoopbackServer, running_server
from tests.flows.conftest import SETTINGS, Project
from tests.waiting import wait_for

KEY = "a-key-that-must-not-leak"
DRAWS = 24 * 3


@pytest.fixture
def paid(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project with a paid teacher that has not been asked yet."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    limits = {"concurrency": 4, "attempts": 2, "timeout_s": 20}
    lalm = {"kind": "gemini", "draws": 3, "max_cost_usd": 0.9, "limits": limits, "seed": 1}
    project.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    return project


def point_at(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)


def test_a_daily_quota_ends_in_3_and_the_next_run_asks_only_the_rest(
    paid: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(faults="429-daily@after=20") as server:
        point_at(server, monkeypatch)
        result = paid.mifuse("run", "small")
        kept = server.answered
    assert result.exit_code == 3
    assert "the daily quota is used up" in result.output
    assert f"{kept} answers arrived in this run ($0.0" in result.output
    assert f") and are kept; {DRAWS - kept} are still to be asked. A new day's quota begins" in result.output
    with running_server() as server:
        point_at(server, monkeypatch)
        assert paid.mifuse("run", "small").exit_code == 0
        assert server.requests == DRAWS - kept


def test_a_spent_budget_ends_in_3(paid: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as server:
        point_at(server, monkeypatch)
        result = paid.mifuse("run", "small", "--max-cost-usd", "0.006")
        assert result.exit_code == 3
        assert "the run's budget of $0.006 (--max-cost-usd) is used up" in result.output
        assert 0 < server.answered < DRAWS


def test_a_provider_that_is_out_ends_in_4(paid: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(faults="503") as server:
        point_at(server, monkeypatch)
        result = paid.mifuse("run", "small")
    assert result.exit_code == 4
    assert "the provider is out: 20 questions in a row got no answer" in result.output


def test_too_few_usable_answers_end_in_4_and_are_not_paid_again(paid: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(faults="unparsable") as server:
        point_at(server, monkeypatch)
        first, second = paid.mifuse("run", "small"), paid.mifuse("run", "small")
        assert server.requests == DRAWS
    assert first.exit_code == second.exit_code == 4
    assert "0% of the clips got a usable answer, teachers.lalm.min_answered is 90%" in first.output


def test_a_refused_key_ends_in_4_after_a_few_calls(paid: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"{server.url}/nowhere")
        result = paid.mifuse("run", "small")
        assert server.requests <= 4
    assert result.exit_code == 4
    assert "asking stopped" in result.output


def test_a_ceiling_for_a_model_without_a_price_is_refused(paid: Project) -> None:
    lalm = {"kind": "gemini", "model": "gemini-9", "draws": 3, "max_cost_usd": 1}
    paid.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    result = paid.mifuse("run", "small")
    assert result.exit_code == 2
    assert "a ceiling of $1 is set, but no price is known for gemini-9" in result.output


def test_the_key_is_in_no_file_and_no_output(paid: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as server:
        point_at(server, monkeypatch)
        result = paid.mifuse("run", "small")
    assert result.exit_code == 0
    assert KEY not in result.output
    files = [file for file in paid.cache.rglob("*") if file.is_file()]
    assert any("answers" in file.parts for file in files)
    assert not [file for file in files if KEY.encode() in file.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_that_is_interrupted_or_killed_pays_for_nothing_twice(
    paid: Project, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, code: int
) -> None:
    with running_server(latency_s=0.3) as server:
        point_at(server, monkeypatch)
        command = [sys.executable, "-m", "flows", "run", "small", "--pipelines", str(paid.folder / "pipelines.yaml")]
        # A session of its own: the signal reaches Prefect's temporary server too, as it does from a terminal.
        with (paid.folder / "told").open("w") as told:
            run = subprocess.Popen(command, stdout=told, stderr=told, start_new_session=True)
            wait_for(lambda: server.answered >= 12, run)
            os.killpg(run.pid, sent)
            assert run.wait(timeout=60) == code
        assert "Traceback" not in (paid.folder / "told").read_text()
        in_flight = 4
        before = server.answered
        assert paid.mifuse("run", "small").exit_code == 0
        assert server.requests <= DRAWS + in_flight
        assert before < DRAWS
    assert pl.read_parquet(paid.results / "draws" / "lalm.parquet").height == DRAWS


def test_the_ceiling_of_the_command_line_is_the_runs_and_not_each_teachers(
    paid: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    lalm = {"kind": "gemini", "draws": 3, "max_cost_usd": 0.9, "seed": 1, "limits": {"concurrency": 2}}
    paid.change(teachers=SETTINGS["teachers"] | {"lalm": lalm, "second": lalm | {"seed": 50}})
    with running_server() as server:
        point_at(server, monkeypatch)
        assert paid.mifuse("run", "small", "--only", "query_lalm", "--max-cost-usd", "0.5").exit_code == 0
        records = [paid.results / ".records" / f"query_lalm.{name}.json" for name in ("lalm", "second")]
        each = [json.loads(record.read_text())["stats"]["paid_usd"] for record in records]
        shutil.rmtree(paid.cache / "answers")
        shutil.rmtree(paid.cache / "store" / "query_lalm")
        ceiling = each[0] + each[1] / 2
        result = paid.mifuse("run", "small", "--only", "query_lalm", "--max-cost-usd", str(ceiling))
    assert result.exit_code == 3
    assert "second (gemini-2.5-flash): asking stopped: the run's budget of" in result.output
