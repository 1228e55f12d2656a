"""Adapts every corpus to every other with every method, and prints one table per scene.

python -m bench.transfers [--encoder FOLDER] [--lalm third] [--skewed] [--inductive] [--methods paper,best] [--full]

A result that is there already is not computed again. `--from FILE` makes tables and figure of earlier raw results.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import click

import flows.quiet  # noqa: F401
from bench.transfers.cell import Scene
from bench.transfers.figure import draw_curves
from bench.transfers.kept import read_all, write_all
from bench.transfers.lalm import Kind, with_dials
from bench.transfers.matrix import Part, full
from bench.transfers.planning import Data, results_of
from bench.transfers.table import markdown

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(help=__doc__)
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--pair", "pairs", multiple=True, help="SOURCE:TARGET; default: every ordered pair.")
@click.option("--encoder", help="A folder of a pretrained encoder; default: logmel.")
@click.option("--lalm-encoder", help="That of the stand-in `third`; default: as --encoder.")
@click.option("--lalm", default="simulated", show_default=True, type=click.Choice(get_args(Kind)))
@click.option("--dial", "dials", multiple=True, help="NAME=VALUE of the stand-in; see bench/transfers/lalm.py.")
@click.option("--skewed", is_flag=True, help="Class shares 1 : .5 : .25 : .12, their order by chance.")
@click.option("--inductive", is_flag=True, help="Test on other speakers (and sentences) than are adapted to.")
@click.option("--full", "is_full", is_flag=True, help="Both stand-ins, balanced, skewed, inductive, each dial.")
@click.option("--methods", help="Names with commas between them; default: all.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--against", default="paper", show_default=True, help="The row that others are compared with.")
@click.option("--markdown", "out", type=_FILE, help="The tables, too.")
@click.option("--figure", type=_FILE, help="UA over the steps of training.")
@click.option("--raw", default="cache/bench/transfers/results.jsonl", show_default=True, type=_FILE)
@click.option("--from", "from_file", type=_FILE, help="Raw results of an earlier run: nothing is computed.")
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(
    data: Path,
    pairs: tuple[str, ...],
    encoder: str | None,
    lalm_encoder: str | None,
    lalm: str,
    dials: tuple[str, ...],
    skewed: bool,
    inductive: bool,
    is_full: bool,
    methods: str | None,
    seeds: int,
    against: str,
    out: Path | None,
    figure: Path | None,
    raw: Path,
    from_file: Path | None,
    cache: Path,
) -> None:
    started = time.monotonic()
    given = {"--dial": dials, "--skewed": skewed, "--inductive": inductive, "--methods": methods}
    if is_full and (extra := [name for name, value in given.items() if value]):
        raise click.UsageError(f"--full has its own scenes and methods: take {', '.join(extra)} away")
    if from_file:
        results = read_all(from_file)
    else:
        encoder = encoder and str(Path(encoder).absolute())
        heard_by = (lalm_encoder and str(Path(lalm_encoder).absolute())) or encoder
        try:
            scene = Scene(encoder, with_dials(lalm, dials), heard_by, skewed, inductive)
        except ValueError as error:
            raise click.UsageError(f"--dial: {error}") from error
        names = tuple(methods.split(",")) if methods else None
        parts = full(encoder, heard_by, seeds) if is_full else [Part(scene, seeds, names)]
        results = results_of(parts, Data.of(data, pairs, cache))
        write_all(raw, results)
    text = markdown(results, against)
    print(text)
    if out:
        out.write_text(text, encoding="utf-8")
    if figure:
        draw_curves(results, figure)
    print(f"{len(results)} results in {time.monotonic() - started:.0f} s; raw results: {from_file or raw}")


if __name__ == "__main__":
    main()
