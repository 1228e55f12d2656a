"""What a scheduled run repeats, and in which state it ends: the flow itself, with a loopback provider."""

from __future__ import annotations

import re

import pytest

from flows.pipeline import run_pipeline
from tasks.contracts.errors import ProviderError
from tasks.teachers.loopback.server import running_server
from tests.flows.conftest import SETTINGS, Project

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(project: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The parameters of a run whose paid teacher has not been asked yet."""
    monkeypatch.setenv("GEMINI_API_KEY", "any")
    limits = {"concurrency": 2, "attempts": 1}
    lalm = {"kind": "gemini", "draws": 3, "max_cost_usd": 0.9, "limits": limits, "seed": 1}
    project.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    where = {"pipelines": str(project.folder / "pipelines.yaml"), "cache": str(project.cache)}
    return {"pipeline": "small", "only": "query_lalm", "retry_delay_s": 0, **where}


def test_a_provider_that_comes_back_is_asked_again(
    asked: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_server(faults="503*25") as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        assert run_pipeline(**asked, retries=1, return_state=True).is_completed()
        assert server.answered > 0
    assert capsys.readouterr().out.count("asking again in 0 s") == 1


def test_a_provider_that_stays_out_ends_the_run_with_its_error(
    asked: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_server(faults="503") as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        with pytest.raises(ProviderError, match="the provider is out"):
            run_pipeline(**asked, retries=1)
    assert capsys.readouterr().out.count("asking again") == 1


def test_attempts_share_one_ceiling(asked: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty answers, then the provider is out: what they cost is missing from what the next attempt may spend."""
    with running_server(faults="503*20@after=20") as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        state = run_pipeline(**asked, retries=1, max_cost_usd=0.01, return_state=True)
        assert server.answered > 20
    left = re.search(r"the run's budget of \$([\d.]+) \(--max-cost-usd\) is used up", state.message)
    assert left is not None
    assert float(left[1]) < 0.009


def test_a_missing_key_is_told_before_anything_is_computed(
    asked: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY")
    state = run_pipeline(**asked | {"only": None}, force=["index_clips"], return_state=True)
    assert "gemini-2.5-flash: no API key" in state.message
    assert "index_clips" not in capsys.readouterr().out


def test_a_daily_quota_is_not_asked_again_and_the_run_is_stopped(
    asked: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_server(faults="429-daily@after=20") as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        state = run_pipeline(**asked, retries=3, return_state=True)
        assert server.answered == 20
    assert (state.type.name, state.name) == ("FAILED", "Stopped")
    assert state.message.startswith("lalm (gemini-2.5-flash): asking stopped: the daily quota is used up")
    assert "asking again" not in capsys.readouterr().out


def test_a_mistake_is_the_message_of_the_failed_run(asked: dict[str, object]) -> None:
    state = run_pipeline(**asked | {"pipeline": "smal"}, return_state=True)
    assert (state.type.name, state.name) == ("FAILED", "Failed")
    assert 'no pipeline "smal". Known: small.' in state.message
