"""Long bars are seen in Prefect, and nothing that Prefect does disturbs the work."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from prefect import flow
from prefect.context import get_run_context
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.progress_artifacts import progress_artifacts
from tasks.contracts.errors import ProviderError
from tasks.contracts.progress import Bar, progress_bar
from tests.flows.prefect_server import free_port
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def known(prefect_url: str) -> Iterator[str]:
    """This process asks that server."""
    with temporary_settings({PREFECT_API_URL: prefect_url}):
        yield prefect_url


def artifacts(url: str, key: str) -> list[dict[str, Any]]:
    found = httpx.post(f"{url}/artifacts/filter", json={"artifacts": {"key": {"any_": [key]}}}).raise_for_status()
    return [dict(each) for each in found.json()]


@flow(name="stage")
def stage(what: str, work: Callable[[Bar], None]) -> str:
    with progress_bar(what, 4, "draws") as bar:
        bar.update()
        work(bar)
    return str(get_run_context().flow_run.id)  # type: ignore[union-attr]


@flow(name="whole")
def whole(what: str, work: Callable[[Bar], None], after_s: float = 0.0) -> str:
    with progress_artifacts("Night_calls", after_s=after_s, every_s=0.05):
        return stage(what, work)


def test_a_long_bar_is_seen_while_it_moves_and_ends_at_100(known: str) -> None:
    key = "night-calls-asking-lalm-gemini-2-5-flash"

    def work(bar: Bar) -> None:
        wait_for(lambda: artifacts(known, key))
        bar.update()
        wait_for(lambda: artifacts(known, key)[0]["data"] == 50.0)
        bar.set_postfix_str("$0.31")

    run = whole("asking lalm (gemini-2.5-flash)", work)
    (found,) = artifacts(known, key)
    assert (found["type"], found["data"]) == ("progress", 100.0)
    assert found["description"] == "asking lalm (gemini-2.5-flash): 2 of 4 draws, $0.31"
    assert found["flow_run_id"] == run  # the stage's, not the whole run's


def test_a_bar_of_work_that_failed_stays_where_it_was(known: str) -> None:
    def work(bar: Bar) -> None:
        wait_for(lambda: artifacts(known, "night-calls-failing"))
        raise ProviderError("out")

    with pytest.raises(ProviderError, match="out"):
        whole("failing", work)
    (found,) = artifacts(known, "night-calls-failing")
    assert (found["data"], found["description"]) == (25.0, "failing: 1 of 4 draws")


def test_a_short_bar_leaves_no_artifact(known: str) -> None:
    whole("short", lambda bar: None, after_s=3600)
    assert artifacts(known, "night-calls-short") == []


@pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow")
def test_a_server_that_is_gone_is_told_once_and_disturbs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    printed: list[str] = []

    def told() -> bool:
        printed.append(capsys.readouterr().out)
        return any(printed)

    gone = {PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(gone), progress_artifacts("calls", after_s=0, every_s=0.01):
        with progress_bar("asking", 2, "draws") as bar:
            bar.update()
            wait_for(told)
            bar.update()
        assert bar.n == 2
    (line,) = "".join([*printed, capsys.readouterr().out]).splitlines()
    assert line.startswith("  Prefect is no longer told how far this is: asking (ConnectError(")


@pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow")
def test_a_server_that_never_answers_is_not_waited_for() -> None:
    """The test's own time limit is less than what Prefect's client waits."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with temporary_settings({PREFECT_API_URL: url}), progress_artifacts("calls", after_s=0, every_s=0.01):
            with progress_bar("asking", 2, "draws") as bar:
                silent.accept()  # somebody has begun to tell the server
                bar.update(2)
            assert bar.n == 2
