"""From what was asked to what is computed: corpora, missing classifiers and features, methods, tasks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from bench.transfers.cell import Scene
from bench.transfers.corpora import corpora_in, read_corpus
from bench.transfers.further import prepare_further
from bench.transfers.kept import Result
from bench.transfers.lalm import Lalm
from bench.transfers.matrix import Part, cells
from bench.transfers.methods import chosen
from bench.transfers.sources import classifier_folder, hear, judged, train_if_missing
from bench.transfers.work import Task, compute

_WORKERS = 2


@dataclass(frozen=True)
class Data:
    """Where everything lies. `pairs` are names of source and target; none: all."""

    corpora: list[Path]
    pairs: list[tuple[str, str]]
    cache: Path

    @staticmethod
    def of(folder: Path, pairs: Sequence[str], cache: Path) -> Data:
        """Raises UsageError for pairs that are not of the folder's corpora."""
        corpora = corpora_in(folder)
        split = [(pair.partition(":")[0], pair.partition(":")[2]) for pair in pairs]
        names = {corpus.name for corpus in corpora}
        for pair in split:
            if not set(pair) <= names or pair[0] == pair[1]:
                raise click.UsageError(
                    f"--pair: expected two of {', '.join(sorted(names))} as A:B, got {':'.join(pair)}"
                )
        return Data(corpora, split, cache.absolute())


def results_of(parts: Sequence[Part], data: Data) -> list[Result]:
    """Says what is missing, prepares, computes."""
    _tell_corpora(parts, data)
    tasks = _tasks(parts, data)
    _prepare({cell.scene for cell, _ in tasks}, max(part.seeds for part in parts), data)
    prepare_further(tasks, data.cache)
    results, refused = compute(tasks, data.cache, _WORKERS)
    _tell([f"no result: {why}" for why in refused])
    return results


def _tasks(parts: Sequence[Part], data: Data) -> list[Task]:
    tasks: list[Task] = []
    told: dict[str, None] = {}
    for part in parts:
        methods, missing = chosen(part.methods)
        told |= dict.fromkeys(missing)
        tasks += [(c, m) for c in cells(part.scene, data.corpora, data.pairs, part.seeds) for m in methods]
    if told:
        _tell([f"not available: {'; '.join(told)}"])
    if not tasks:
        raise click.UsageError("nothing to compute: none of these methods is available")
    return tasks


def _tell_corpora(parts: Sequence[Part], data: Data) -> None:
    if len(data.corpora) < 3 and any(part.scene.lalm.kind == "third" for part in parts):
        raise click.UsageError("the stand-in `third` is trained on a third corpus; there are two. Use --lalm oracle.")
    inductive = any(part.scene.inductive for part in parts)
    for corpus in map(read_corpus, data.corpora):
        if corpus.left_out:
            _tell([f"{corpus.name}: {corpus.left_out} clips have other labels and are left out"])
        if inductive and corpus.sentences is None:
            _tell(
                [f"{corpus.name}: sentences are not known; its halves have other speakers, perhaps the same sentences"]
            )


def _prepare(scenes: set[Scene], seeds: int, data: Data) -> None:
    """Here, not in the processes: they would do it twice."""
    encoders = {s.encoder for s in scenes} | {s.lalm_encoder for s in scenes if s.lalm.kind == "third"}
    for encoder in sorted(encoders, key=str):
        for corpus in data.corpora:
            for seed in range(seeds):
                train_if_missing(corpus, encoder, seed, data.cache)
        for corpus in data.corpora:
            hear(corpus, classifier_folder(data.corpora[0], encoder, 0, data.cache), data.cache)
    if any(scene.lalm == Lalm() for scene in scenes):
        for corpus in data.corpora:
            judged(corpus, data.cache)


def _tell(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)
