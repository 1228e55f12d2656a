"""How fast the classifier teacher is, as ratios within one run, and whether its memory stays where it is.

python -m bench.classifier                      everything, about half an hour on two cores
python -m bench.classifier head --repeats 5     one part: head, all, buckets, memory, gpu
python -m bench.classifier --markdown FILE      the tables as a file too

The encoder is a WavLM of random weights in the shape of WavLM-base (12 layers of 768; --layers makes it shorter): what
it says is noise, what it costs is real. Clips are noise with lengths drawn from a fixed seed. Runs of the contestants
alternate, so that a busy moment of the machine meets all; ratios are medians over neighbouring runs.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import torch

from bench.classifier_gpu import gpu
from bench.classifier_memory import memory
from bench.classifier_speed import all_dropouts, buckets, head
from bench.tables import Table

_PARTS = ("head", "all", "buckets", "memory", "gpu")


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option("--layers", default=12, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option(
    "--many", default=100_000, show_default=True, help="Clips of the part memory; a tenth of them is compared."
)
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Also write the tables here.")
def main(parts: tuple[str, ...], layers: int, repeats: int, many: int, markdown: Path | None) -> None:
    work: dict[str, Callable[[Path], Table]] = {
        "head": lambda folder: head(folder, layers, repeats),
        "all": lambda folder: all_dropouts(folder, layers, repeats),
        "buckets": lambda folder: buckets(folder, layers, repeats),
        "memory": lambda folder: memory(folder, many),
        "gpu": lambda folder: gpu(folder, layers),
    }
    cores = f"{os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads"
    print(f"{platform.python_implementation()} {platform.python_version()}, {cores}\n", flush=True)
    tables = []
    for part in parts or _PARTS:
        with tempfile.TemporaryDirectory(prefix="mifuse-bench-") as name:
            tables.append(work[part](Path(name)).markdown())
        print(tables[-1], end="\n\n", flush=True)
    if markdown:
        markdown.write_text("\n\n".join(tables) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
