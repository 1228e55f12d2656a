"""How fast, how lean and how true to quotas the asking is, beside a bare loop over the same SDK and beside other tools.

python -m bench.asking                       everything, about a quarter of an hour
python -m bench.asking speed --repeats 5     one part
python -m bench.asking --install             first: a virtual environment for each other tool, below --envs
python -m bench.asking --markdown FILE       the tables as a file too

Everyone asks a server of its own process (`bench.blind`) that throws audio away and answers after 50 ms. `mifuse
lalm-server` would listen to it, and its work would hide what the clients cost. CPU and memory are those of the client's
process alone; a server and a client that both want a core need a machine with two.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from bench.experiments import memory_and_stored, quotas, speed
from bench.peer_runs import compare, install
from bench.tables import Table

_PARTS = ("speed", "memory", "quotas", "peers")


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option("--clips", default=1000, show_default=True, help="Of 128 kB each, asked five times.")
@click.option("--repeats", default=3, show_default=True, help="Of the part speed.")
@click.option(
    "--many", default=20_000, show_default=True, help="Clips of the part memory; a tenth of them is compared."
)
@click.option("--seconds", default=155.0, show_default=True, help="Of the part quotas, twice.")
@click.option("--peer-clips", default=200, show_default=True, help="Of the part peers, asked five times.")
@click.option("--envs", default="build/bench-envs", show_default=True, type=click.Path(path_type=Path))
@click.option("--install", "installs", is_flag=True, help="Install the other tools and end.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Also write the tables here.")
def main(
    parts: tuple[str, ...],
    clips: int,
    repeats: int,
    many: int,
    seconds: float,
    peer_clips: int,
    envs: Path,
    installs: bool,
    markdown: Path | None,
) -> None:
    if installs:
        return install(envs)
    with tempfile.TemporaryDirectory(prefix="mifuse-bench-") as name:
        folder = Path(name)
        work: dict[str, Callable[[], Table]] = {
            "speed": lambda: speed(folder, clips, 5, repeats),
            "memory": lambda: memory_and_stored(folder, many // 10, many),
            "quotas": lambda: quotas(folder, seconds),
            "peers": lambda: compare(folder, envs.absolute(), peer_clips, 5),
        }
        tables = [_shown(part, work[part]) for part in parts or _PARTS]
    if markdown is not None:
        markdown.write_text("\n\n".join([_machine(), *(table.markdown() for table in tables)]) + "\n", encoding="utf-8")
    return None


def _shown(part: str, measure: Callable[[], Table]) -> Table:
    click.echo(f"measuring: {part}")
    table = measure()
    click.echo(f"\n{table.markdown()}\n")
    return table


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
