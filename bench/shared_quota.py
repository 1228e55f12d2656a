"""What a shared quota lets through, by how its slots are taken and how many machines take them.

python -m bench.shared_quota --seconds 15

A real Prefect server (SQLite) and a limit of 20 slots of which 20 a second come free; each machine asks for slots as
fast as it gets them. Slots beyond the 20 that were there at the start are counted.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import click
from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import rate_limit
from prefect.settings import PREFECT_API_URL, temporary_settings

from bench.tables import Table
from flows.shared_quota import PrefectQuota
from tasks.asking.limits import LimitSettings
from tasks.asking.shared_quota import Blocks, QuotaSize

NAME, SIZE = "bench", QuotaSize(limit=20, per_second=20.0)
Taking = Callable[[PrefectQuota], Callable[[], Coroutine[Any, Any, None]]]


def in_blocks_of(slots: int) -> Taking:
    """As the engine takes them."""
    return lambda quota: Blocks(quota, slots).take


def with_rate_limit(_: PrefectQuota) -> Callable[[], Coroutine[Any, Any, None]]:
    """Prefect's own function."""
    return lambda: rate_limit(NAME, occupy=1, strict=True)


HOW: dict[str, Taking] = {
    "rate_limit(), slot by slot": with_rate_limit,
    "slot by slot": in_blocks_of(1),
    "blocks of half the limit (mifuse)": in_blocks_of(SIZE.block(LimitSettings(requests_per_minute=None))),
    "blocks of the whole limit": in_blocks_of(SIZE.limit),
}


@click.command(help=__doc__)
@click.option("--seconds", default=15.0, show_default=True, type=click.FloatRange(min=2))
def main(seconds: float) -> None:
    table = Table(f"Slots a second out of 20, over {seconds:g} s", ["slots are taken", "1 machine", "2", "4"])
    with _prefect_server() as url, temporary_settings({PREFECT_API_URL: url}):
        for told, how in HOW.items():
            rates = [asyncio.run(_measure(how, machines, seconds)) for machines in (1, 2, 4)]
            table.rows.append([told, *(f"{rate:.1f}" for rate in rates)])
            click.echo(f"measured: {told}")
    click.echo(table.markdown())


async def _measure(how: Taking, machines: int, seconds: float) -> float:
    async with get_client() as client:
        await client.upsert_global_concurrency_limit_by_name(NAME, SIZE.limit, SIZE.per_second)
        await asyncio.sleep(SIZE.limit / SIZE.per_second)  # what the measurement before has taken comes free
    began = time.monotonic()
    taken = await asyncio.gather(*(_take_until(how, began + seconds) for _ in range(machines)))
    return (sum(taken) - SIZE.limit) / (time.monotonic() - began)


async def _take_until(how: Taking, deadline: float) -> int:
    quota = PrefectQuota("bench", LimitSettings(shared=NAME))
    take, taken = how(quota), 0
    try:
        while time.monotonic() < deadline:
            await take()
            taken += 1
    finally:
        await quota.close()
    return taken


@contextmanager
def _prefect_server() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryDirectory(prefix="mifuse-bench-") as home:
        server = subprocess.Popen(
            command, env=os.environ | {"PREFECT_HOME": home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{port}/api"
            _wait_for(f"{url}/health", server)
            yield url
        finally:
            server.terminate()
            server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise click.ClickException("the Prefect server ended by itself")


if __name__ == "__main__":
    main()
