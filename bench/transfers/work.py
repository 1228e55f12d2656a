"""Computes what is missing: two processes of one thread each, since small matrices gain nothing from more."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from bench.transfers.cell import Cell, prepare
from bench.transfers.corpora import CLASSES
from bench.transfers.further import with_further
from bench.transfers.kept import Result, place_of, read_result, write_result
from bench.transfers.methods import Method
from bench.transfers.running import NotDefinedError, Outcome, run_method
from tasks.contracts.errors import TrainingError
from tasks.contracts.progress import progress_bar
from tasks.evaluation.metrics import predict, score

Task = tuple[Cell, Method]


def compute(tasks: Sequence[Task], cache: Path, workers: int) -> tuple[list[Result], list[str]]:
    """All results, and which methods cannot say anything where.

    Args:
        tasks: In the order in which results are given back.
        cache: Where results are kept; what is there is not computed again.
        workers: Processes.
    """
    places = {task: place_of(*task, cache) for task in tasks}
    # Scenes may share a result: each file once.
    missing = {place: task for task, place in places.items() if not place.is_file()}
    refused: dict[Task, str] = {}
    # Not fork: torch's threads do not survive it.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), one_thread) as pool:
        futures = {pool.submit(_run, *task, place, cache): task for place, task in missing.items()}
        with progress_bar("transfers", len(tasks), "results") as bar:
            bar.update(len(tasks) - len(missing))
            for future in as_completed(futures):
                if why := future.result():
                    refused[futures[future]] = why
                bar.update(1)
    told = sorted({f"{method.name} in {cell.scene.name}: {why}" for (cell, method), why in refused.items()})
    return [read_result(place, *task) for task, place in places.items() if place.is_file()], told


def one_thread() -> None:
    """Of torch, and of what NumPy calculates with."""
    import threadpoolctl  # type: ignore[import-untyped]
    import torch

    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)


def _run(cell: Cell, method: Method, place: Path, cache: Path) -> str | None:
    """Writes the result; gives why there is none."""
    try:
        ready = with_further(prepare(cell, cache), cell, method, cache)
        outcome = run_method(method, ready, cell.seed)
    except (NotDefinedError, TrainingError) as error:
        return f"seed {cell.seed}, {cell.transfer}: {error}"
    gold_N = ready.corpus.gold_N[ready.split.test]
    who = sorted(set(ready.corpus.speakers))
    speakers = [who.index(ready.corpus.speakers[row]) for row in ready.split.test]
    write_result(place, _result(cell, method, gold_N, speakers, outcome))
    return None


def _result(cell: Cell, method: Method, gold_N: np.ndarray, speakers: list[int], outcome: Outcome) -> Result:
    gold = [CLASSES[place] for place in gold_N]
    scores = score(gold, outcome.probs_NC, CLASSES)
    named_N, answered_N = predict(outcome.probs_NC)
    return Result(
        scene=cell.scene.name,
        transfer=cell.transfer,
        target=cell.target.name,
        seed=cell.seed,
        method=method.name,
        gold="".join(map(str, gold_N)),
        named="".join(str(n) if told else "-" for n, told in zip(named_N, answered_N, strict=True)),
        speakers=speakers,
        ua=scores.ua,
        wa=scores.wa,
        curve=outcome.curve,
        seconds=outcome.seconds,
    )
