"""One method with the LALM asked in one wording, or in several in turn; kept as other results are."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.transfers.cell import Cell, prepare
from bench.transfers.code_version import code_version
from bench.transfers.corpora import CLASSES
from bench.transfers.kept import place_of
from bench.transfers.methods import Method
from bench.transfers.running import run_method
from bench.transfers.stand_ins import rng_of
from tasks.contracts.progress import progress_bar
from tasks.evaluation.metrics import score
from tasks.storage.files import replacing, sha256_of_json

WORDINGS = 3
SIZE = 1.0  # of a wording's change of the logits, in standard deviations of it; nats
_FLOOR = 0.005  # a rounded answer's 0.00 is anything below
_WORKERS = 2

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Worded:
    """A cell and how its LALM is asked: `wording` 0 to 2 in that one always, None in all in turn."""

    cell: Cell
    method: Method
    wording: int | None

    def place(self, cache: Path) -> Path:
        """Where UA is kept."""
        key = [place_of(self.cell, self.method, cache).name, self.wording, SIZE, code_version(__name__)]
        return cache / "questions" / "wordings" / f"{sha256_of_json(key)[:32]}.txt"


def reworded(draws_NKC: Array, offsets_PC: Array, wording: int | None) -> Array:
    r"""The answers to another wording, which shifts all clips' logits alike::

        p'_nkc ∝ max(p_nkc, 0.005) exp(offset_wc)        w: the wording, or k mod 3

    Args:
        draws_NKC: Answers, shape (N, K, C).
        offsets_PC: Of each wording, nats.
        wording: Which; None: draw k is asked in wording k mod P.

    Returns:
        Two decimals (but for their sum), shape (N, K, C).
    """
    which_K = np.arange(draws_NKC.shape[1]) % len(offsets_PC) if wording is None else wording
    raised = np.maximum(draws_NKC, _FLOOR) * np.exp(offsets_PC[which_K])
    rounded = (raised / raised.sum(axis=-1, keepdims=True)).round(2)
    told: Array = rounded / rounded.sum(axis=-1, keepdims=True)
    return told


def offsets_of(cell: Cell) -> Array:
    """Each wording's change of the logits, shape (P, C); they mean the same, so they add up to nothing."""
    offsets_PC = SIZE * rng_of("wordings", cell.source.name, cell.target.name).normal(size=(WORDINGS, len(CLASSES)))
    return offsets_PC - offsets_PC.mean(axis=1, keepdims=True)


def uas_of(worded: Sequence[Worded], cache: Path) -> list[float]:
    """UA of each, in percent; what is kept is not computed again."""
    missing = [one for one in worded if not one.place(cache).is_file()]
    with ProcessPoolExecutor(_WORKERS, multiprocessing.get_context("spawn"), _one_thread) as pool:
        futures = [pool.submit(_run, one, cache) for one in missing]
        with progress_bar("wordings", len(worded), "results") as bar:
            bar.update(len(worded) - len(missing))
            for future in futures:
                future.result()
                bar.update(1)
    return [float(one.place(cache).read_text(encoding="utf-8")) for one in worded]


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _run(worded: Worded, cache: Path) -> None:
    cell = worded.cell
    ready = prepare(cell, cache)
    asked = replace(ready, lalm_NKC=reworded(ready.lalm_NKC, offsets_of(cell), worded.wording))
    outcome = run_method(worded.method, asked, cell.seed)
    gold = [CLASSES[c] for c in ready.corpus.gold_N[ready.split.test]]
    with replacing(worded.place(cache)) as temporary:
        temporary.write_text(repr(100 * score(gold, outcome.probs_NC, CLASSES).ua), encoding="utf-8")
