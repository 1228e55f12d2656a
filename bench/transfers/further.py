"""What only some methods want of a cell: a third teacher, frames, further representations of the clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from bench.label_signals.segments import segments_of
from bench.transfers.cell import Cell, Ready
from bench.transfers.corpora import read_corpus
from bench.transfers.methods import TEACHERS, Method, student_of
from bench.transfers.running import NotDefinedError
from bench.transfers.sources import classifier_folder
from bench.transfers.third_teacher import third_draws
from tasks.encoders import RepresentationSettings
from tasks.encoders.features import Features, Means, features_of
from tasks.networks.config import read_config
from tasks.students.cohort import CohortSettings


def with_further(ready: Ready, cell: Cell, method: Method, cache: Path) -> Ready:
    """The same, with what the method wants besides.

    Raises:
        NotDefinedError: A method that wants frames, and an encoder that has none.
    """
    if method.teachers != TEACHERS:
        ready = replace(ready, third_NKC=third_draws(method.teachers[-1], cell.target, cell.seed, cache))
    if method.frames:
        if cell.scene.encoder is None:
            raise NotDefinedError("logmel hears a clip as one frame")
        ready = replace(ready, features=segments_of(cell.target, cell.scene.encoder, cache))
    return replace(ready, others=_others(cell, method, cache))


def prepare_further(tasks: Iterable[tuple[Cell, Method]], cache: Path) -> None:
    """Makes what is to be stored, so that processes side by side find it."""
    for cell, method in tasks:
        if method.teachers != TEACHERS:
            third_draws(method.teachers[-1], cell.target, cell.seed, cache)
        if method.frames and cell.scene.encoder is not None:
            segments_of(cell.target, cell.scene.encoder, cache)
        _others(cell, method, cache)


def _others(cell: Cell, method: Method, cache: Path) -> tuple[Features, ...]:
    student = student_of(method, cell.seed)
    if not isinstance(student, CohortSettings):
        return ()
    encoder = read_config(classifier_folder(cell.source, cell.scene.encoder, 0, cache)).encoder
    return tuple(_heard(cell.target, each.model_dump_json(), cache) for each in student.beside(encoder))


@lru_cache(maxsize=4)
def _heard(corpus: Path, representation: str, cache: Path) -> Features:
    """In memory."""
    settings = TypeAdapter(RepresentationSettings).validate_json(representation)
    files = read_corpus(corpus).files
    found = features_of(files, settings, cache / "features")
    return Means(found.rows(range(len(files))).means_BLD())
