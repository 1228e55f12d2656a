"""Which cells and methods: the default matrix, and the full one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.transfers.cell import Cell, Scene
from bench.transfers.lalm import Lalm
from bench.transfers.methods import FEW

_TURNED = [
    Lalm("third", strength=0.5),
    Lalm("third", bias=2.0),
    Lalm("third", contradiction=2.0),
    Lalm("third", sharpness=4.0),
    Lalm("third", prompts=1.0),
    Lalm("third", correlation=0.5),
    Lalm("oracle", strength=0.35),
    Lalm("oracle", strength=0.6),
    Lalm("oracle", strength=0.85),
]
_FEW_SEEDS = 2  # per dial


@dataclass(frozen=True)
class Part:
    """One scene: so many seeds of these methods (None: all)."""

    scene: Scene
    seeds: int
    methods: tuple[str, ...] | None = None


def full(encoder: str | None, lalm_encoder: str | None, seeds: int) -> list[Part]:
    """Both stand-ins, balanced and skewed, inductive, and each dial; the latter three with few methods."""

    def scene(lalm: Lalm, **kind: bool) -> Scene:
        return Scene(encoder, lalm, lalm_encoder, **kind)

    both, few = (Lalm(), Lalm("third")), tuple(FEW)
    parts = [Part(scene(lalm), seeds) for lalm in both]
    parts += [Part(scene(lalm, skewed=True), seeds, few) for lalm in both]
    parts += [Part(scene(lalm, inductive=True), seeds, few) for lalm in both]
    return parts + [Part(scene(lalm), min(seeds, _FEW_SEEDS), few) for lalm in _TURNED]


def cells(scene: Scene, corpora: Sequence[Path], pairs: Sequence[tuple[str, str]], seeds: int) -> list[Cell]:
    """Every ordered pair (or those named), every seed."""
    found = []
    for source, target in itertools.permutations(corpora, 2):
        if not pairs or (source.name, target.name) in pairs:
            third = third_corpus(corpora, source, target)
            found += [Cell(scene, source, target, third, seed) for seed in range(seeds)]
    return found


def third_corpus(corpora: Sequence[Path], source: Path, target: Path) -> Path | None:
    """The first after the source, going round, that is neither; None where there are but two."""
    at = list(corpora).index(source)
    others = [corpus for corpus in [*corpora[at:], *corpora[:at]] if corpus not in (source, target)]
    return others[0] if others else None
