"""One quota for all machines: a global concurrency limit of a real Prefect server."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.shared_quota import PrefectQuota
from tasks.asking.limits import LimitSettings
from tasks.asking.shared_quota import QuotaSize, SharedQuotaLostError
from tasks.contracts.errors import SettingsError
from tasks.teachers.loopback.server import LoopbackServer, running_server
from tests.flows.conftest import SETTINGS, Project
from tests.flows.prefect_server import free_port, running_prefect
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUESTIONS = 24 * 2
SETTING = "teachers.lalm.limits.shared"


@pytest.fixture
def known(prefect_url: str) -> Iterator[str]:
    """This process asks that server."""
    with temporary_settings({PREFECT_API_URL: prefect_url}):
        yield prefect_url


def make_limit(url: str, name: str, limit: int, per_second: float, **more: Any) -> None:
    """Anew, as `prefect gcl create` does."""
    httpx.delete(f"{url}/v2/concurrency_limits/{name}")
    settings = {"name": name, "limit": limit, "slot_decay_per_second": per_second, "active": True} | more
    httpx.post(f"{url}/v2/concurrency_limits/", json=settings).raise_for_status()


def quota(name: str, **limits: Any) -> PrefectQuota:
    return PrefectQuota(SETTING, LimitSettings(shared=name, **limits))


async def take_and_close(shared: PrefectQuota, slots: int) -> None:
    try:
        await shared.take(slots)
    finally:
        await shared.close()


def active_slots(url: str, name: str) -> int:
    return int(httpx.get(f"{url}/v2/concurrency_limits/{name}").raise_for_status().json()["active_slots"])


def test_the_size_is_that_of_the_servers_limit(known: str) -> None:
    make_limit(known, "gemini", 33, 16.4)
    assert quota("gemini").size() == QuotaSize(33, 16.4)


def test_slots_that_are_taken_count_on_the_server(known: str) -> None:
    make_limit(known, "gemini", 100, 0.001)
    asyncio.run(take_and_close(quota("gemini"), 30))
    assert active_slots(known, "gemini") == 30


def test_who_finds_no_slot_waits_until_enough_come_free(known: str) -> None:
    make_limit(known, "gemini", 10, 5)
    asyncio.run(take_and_close(quota("gemini"), 10))
    taken = httpx.get(f"{known}/v2/concurrency_limits/gemini").json()["updated"]
    asyncio.run(take_and_close(quota("gemini"), 10))
    again = httpx.get(f"{known}/v2/concurrency_limits/gemini").json()["updated"]
    assert seconds_between(taken, again) >= 2


def seconds_between(earlier: str, later: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_a_limit_that_is_not_there_is_refused_with_the_command_that_makes_it(known: str) -> None:
    """Any minute of it stays within the teacher's own 1,000 calls: 16 at once and 60 × 16.4."""
    told = (
        f'{SETTING}: the Prefect server at {known} has no concurrency limit "nowhere". Make it once, for the calls of '
        "all machines together: `prefect gcl create nowhere --limit 16 --slot-decay-per-second 16.4`"
    )
    with pytest.raises(SettingsError) as caught:
        quota("nowhere").size()
    assert str(caught.value) == told


@pytest.mark.parametrize("per_minute", [1, 10, 61, 1000, 99_999])
def test_the_command_that_is_told_stays_within_the_own_limit(known: str, per_minute: float) -> None:
    with pytest.raises(SettingsError) as caught:
        quota("nowhere", requests_per_minute=per_minute).size()
    words = str(caught.value).strip("`").split()
    limit, decay_per_s = int(words[-3]), float(words[-1])
    assert limit >= 1
    assert 0.95 * per_minute <= limit - (per_minute == 1) + 60 * decay_per_s <= 1.001 * per_minute


def test_a_limit_that_is_not_active_is_refused(known: str) -> None:
    make_limit(known, "off", 10, 5, active=False)
    with pytest.raises(
        SettingsError, match=r'"off" is not active and holds nobody back. .*`prefect gcl update off --en'
    ):
        quota("off").size()


def test_a_limit_without_decay_is_refused(known: str) -> None:
    make_limit(known, "stiff", 10, 0)
    with pytest.raises(
        SettingsError, match=r"has no slot decay.*`prefect gcl update stiff --limit 16 --slot-decay-per"
    ):
        quota("stiff").size()


def test_a_limit_of_nothing_is_refused(known: str) -> None:
    make_limit(known, "zero", 0, 5)
    with pytest.raises(SettingsError, match="lets nothing through"):
        quota("zero").size()


def test_a_server_that_does_not_answer_is_refused() -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: url}), pytest.raises(SettingsError, match="does not tell about its conc"):
        quota("gemini").size()


def test_a_temporary_server_is_refused() -> None:
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(SettingsError, match="PREFECT_API_URL is not set"):
        quota("gemini").size()


def test_a_limit_that_is_deleted_while_slots_are_taken_is_lost(known: str) -> None:
    with pytest.raises(
        SharedQuotaLostError, match=r'the shared quota "gone" is lost: .* has no such concurrency limit'
    ):
        asyncio.run(take_and_close(quota("gone"), 1))


def test_a_block_that_is_larger_than_a_limit_that_was_lowered_is_lost(known: str) -> None:
    make_limit(known, "lowered", 3, 5)
    with pytest.raises(SharedQuotaLostError, match=r"refuses slots of it: .*Slots requested is greater than the limit"):
        asyncio.run(take_and_close(quota("lowered"), 4))


def test_a_server_that_is_gone_while_slots_are_taken_is_lost() -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    with (
        temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}),
        pytest.raises(SharedQuotaLostError, match="the Prefect server does not answer any more"),
    ):
        asyncio.run(take_and_close(quota("gemini"), 1))


@pytest.fixture
def paid(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Forty-eight questions for a paid teacher that has not been asked yet, with a shared quota alone."""
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    limits = {"shared": "gemini", "concurrency": 8, "requests_per_minute": None, "tokens_per_minute": None}
    lalm = {"kind": "gemini", "draws": 2, "max_cost_usd": 0.9, "limits": limits, "seed": 1}
    project.change(teachers=SETTINGS["teachers"] | {"lalm": lalm})
    return project


def start_asking(project: Project, url: str, server: LoopbackServer) -> subprocess.Popen[str]:
    words = ["run", "small", "--only", "query_lalm", "--pipelines", str(project.folder / "pipelines.yaml")]
    environment = os.environ | {"PREFECT_API_URL": url, "GOOGLE_GEMINI_BASE_URL": server.url}
    command = [sys.executable, "-m", "flows", *words]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_two_machines_together_stay_within_the_shared_quota(paid: Project, prefect_url: str, tmp_path: Path) -> None:
    """By the provider's own clock. They share nothing but the Prefect server: not the cache, not the folder."""
    shutil.copytree(paid.folder, tmp_path / "other", symlinks=True)
    make_limit(prefect_url, "gemini", limit=12, per_second=12)
    with running_server() as server:
        runs = [start_asking(each, prefect_url, server) for each in (paid, Project(tmp_path / "other"))]
        told = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    times = sorted(asked.time for asked in server.log)
    assert len(times) == 2 * QUESTIONS
    assert times[-1] - times[0] >= (len(times) - 12) / 12 - 0.5


def test_a_prefect_server_that_is_gone_in_the_middle_stops_the_run_and_what_was_paid_is_kept(
    paid: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "1")  # else it is asked again for a minute
    with running_prefect(tmp_path / "prefect") as (url, prefect), running_server() as server:
        make_limit(url, "gemini", limit=4, per_second=2)
        run = start_asking(paid, url, server)
        wait_for(lambda: server.answered >= 8, run)
        prefect.kill()
        told = run.communicate(timeout=120)[0]
        assert run.returncode == 4, told
        assert 'the shared quota "gemini" is lost: the Prefect server does not answer any more' in told
        assert "Traceback" not in told
        kept = server.answered
        assert f"{kept} answers arrived in this run" in told
        assert f"{QUESTIONS - kept} are still to be asked" in told


def test_a_run_without_its_shared_quota_asks_nothing(paid: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        result = paid.mifuse("run", "small")
        assert server.requests == 0
    assert result.exit_code == 2
    assert f"error: {SETTING}: PREFECT_API_URL is not set" in result.output


def test_a_shared_quota_changes_no_fingerprint() -> None:
    from tasks.teachers.gemini import GeminiSettings

    shared = GeminiSettings(limits=LimitSettings(shared="gemini"))
    assert shared.fingerprint() == GeminiSettings().fingerprint()
    assert shared.asked(["sad", "happy"]) == GeminiSettings().asked(["sad", "happy"])
