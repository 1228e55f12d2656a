"""The cohort on data whose best strategy is known, beside that strategy: writes strategies.md and checks.md.

python -m bench.meta_fusion strategies [--seeds 10]
python -m bench.meta_fusion checks [--seeds 3]

An outcome that is there already is not computed again.
"""

from __future__ import annotations

import os

# Before torch: one core, whatever number of threads the cohort asks for. Small matrices gain little from a second one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import importlib
from collections.abc import Sequence
from pathlib import Path

import click

from bench.tables import Table
from tasks.storage.files import replacing

_SEEDS = {"strategies": 10, "checks": 3}


@click.command(help=__doc__)
@click.argument("name", type=click.Choice([*_SEEDS]))
@click.option("--seeds", type=click.IntRange(2), help="Data sets of each setting; default: 10 and 3.")
@click.option("--pages", default="docs/meta-fusion", show_default=True, type=click.Path(path_type=Path))
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(name: str, seeds: int | None, pages: Path, cache: Path) -> None:
    seeds = seeds or _SEEDS[name]
    tables = importlib.import_module(f"bench.meta_fusion.{name}").tables(seeds, cache / "meta_fusion")
    text = page(name, seeds, tables)
    with replacing(pages / f"{name}.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


def page(name: str, seeds: int, tables: Sequence[Table]) -> str:
    """The tables under the command that makes them; what they say stands in docs/meta-fusion.md."""
    command = f"```sh\npython -m bench.meta_fusion {name} --seeds {seeds}\n```"
    return "\n\n".join([f"# Meta Fusion: {name}", command, *(table.markdown().strip() for table in tables)]) + "\n"


if __name__ == "__main__":
    main()
