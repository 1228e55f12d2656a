"""What each part of the label-signal head is worth, on labelled corpora; writes docs/label-signals-figures.md.

python -m bench.label_signals [--encoder FOLDER] [--seeds 2] [--corpora emodb,nemo]

Without an encoder: logmel, of which there is but one frame. A head that is there already is not trained again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch, here and in the processes that are started

from pathlib import Path

import click

import flows.quiet  # noqa: F401
from bench.label_signals.checking import Check
from bench.label_signals.page import write_page
from bench.label_signals.segments import segments_of
from bench.label_signals.variants import VARIANTS
from bench.label_signals.work import compute
from bench.transfers.corpora import corpora_in
from bench.transfers.sources import hear, train_if_missing


@click.command(help=__doc__)
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--corpora", "names", help="Names with commas between them; default: all.")
@click.option("--encoder", help="A folder of a pretrained encoder with frames; default: logmel.")
@click.option("--means", is_flag=True, help="Time means in the place of the encoder's frames.")
@click.option("--seeds", default=2, show_default=True, type=click.IntRange(1))
@click.option("--pages", default="docs/label-signals", show_default=True, type=click.Path(path_type=Path))
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(data: Path, names: str | None, encoder: str | None, means: bool, seeds: int, pages: Path, cache: Path) -> None:
    if means and not encoder:
        raise click.UsageError("--means: logmel has nothing else; name an --encoder, or take it away")
    corpora, cache = chosen(data, names), cache.absolute()
    encoder = encoder and str(Path(encoder).absolute())
    frames = encoder is not None and not means
    prepare(corpora, encoder, frames, cache)
    checks = [
        Check(corpus, tuple(c for c in corpora if c != corpus), encoder, frames, seed, variant)
        for seed in range(seeds)  # outermost: a run that is stopped has whole seeds
        for corpus in corpora
        for variant in VARIANTS
    ]
    print(write_page(compute(checks, cache), pages))


def chosen(data: Path, names: str | None) -> list[Path]:
    """The folders of these names; of one alone there is no other corpus to ask about."""
    found = {folder.name: folder for folder in corpora_in(data)}
    wanted = names.split(",") if names else list(found)
    if not set(wanted) <= set(found):
        raise click.UsageError(f"--corpora: expected some of {', '.join(found)}, got {', '.join(wanted)}")
    return [found[name] for name in wanted]


def prepare(corpora: list[Path], encoder: str | None, frames: bool, cache: Path) -> None:
    """Here, not in the processes: they would do it twice."""
    for corpus in corpora:
        if frames:
            assert encoder is not None
            segments_of(corpus, encoder, cache)
        else:
            hear(corpus, train_if_missing(corpus, encoder, 0, cache), cache)


if __name__ == "__main__":
    main()
