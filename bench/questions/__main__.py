"""Answers one of the questions that the paper leaves open, and writes docs/questions/NAME-ENCODER.md and its figure.

python -m bench.questions NAME [--encoder FOLDER] [--seeds 2]

A result that is there already is not computed again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch, here and in the processes that are started

import importlib
from pathlib import Path

import click

import flows.quiet  # noqa: F401
from bench.questions.asked import Asked
from bench.questions.page import write_page
from bench.transfers.planning import Data

QUESTIONS = ("correlation", "shift", "new_classes", "prompts", "lalm")


@click.command(help=__doc__)
@click.argument("name", type=click.Choice(QUESTIONS))
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--encoder", help="A folder of a pretrained encoder; default: logmel.")
@click.option("--seeds", default=2, show_default=True, type=click.IntRange(1))
@click.option("--pages", default="docs/questions", show_default=True, type=click.Path(path_type=Path))
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(name: str, data: Path, encoder: str | None, seeds: int, pages: Path, cache: Path) -> None:
    asked = Asked(encoder and str(Path(encoder).absolute()), seeds, Data.of(data, (), cache))
    answer = importlib.import_module(f"bench.questions.{name}").answer(asked)
    print(write_page(name, asked, answer, pages))


if __name__ == "__main__":
    main()
