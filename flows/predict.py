"""`mifuse predict`: a student names the emotion in audio files, however many there are."""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from flows.predict_out import Told, check_ending, writer_for
from tasks.contracts.errors import ClipsError
from tasks.contracts.progress import AudioBar, audio_progress_bar
from tasks.contracts.tables import p_columns, predictions_schema
from tasks.encoders import reads_text
from tasks.encoders.batches import AudioFile
from tasks.storage.audio import AUDIO_SUFFIXES, measure_audio
from tasks.storage.clips import ClipsSettings
from tasks.storage.files import sha256_of_file

if TYPE_CHECKING:
    from tasks.networks.predict_stream import Predictor

_AT_ONCE = 1024  # files measured, heard and written together; batches of like length are made among them


@dataclass(frozen=True)
class PredictOptions:
    """What the command line asks for.

    Attributes:
        out: A file; None for a table on the screen.
        draws: So many dropout passes per clip: columns `mi` and `entropy`.
        seed: Of the passes.
        device: Of the encoder.
        keep: Whether features are taken from and kept in the cache, where there is one.
    """

    out: Path | None = None
    draws: int | None = None
    seed: int = 0
    device: str = "auto"
    keep: bool = True


@dataclass(frozen=True)
class _Named:
    clip_id: str
    path: str  # text: a million Path objects would be half a gigabyte


@dataclass(frozen=True)
class _Measured:
    clip_id: str
    path: str
    file: AudioFile | None  # None where it cannot be used
    problem: str = ""


def predict_audio(student: Path, audio: Sequence[Path], cache: Path, options: PredictOptions) -> None:
    """Prints or writes one row per file, in the order of their names; those that cannot be used are named and left out.

    Raises:
        CheckpointError: Not a student's folder.
        ClipsError: No such audio, none that can be used, or an unknown ending of `out`.
    """
    from tasks.networks.predict_stream import Predictor

    check_ending(options.out)
    features = cache / "features" if options.keep and cache.is_dir() else None
    predictor = Predictor(student, features, draws=options.draws, seed=options.seed, device=options.device)
    if reads_text(predictor.config.encoder):
        print("  this student reads transcripts, too; here it is given audio alone", file=sys.stderr)
    named = _files_at(audio)
    schema = predictions_schema(predictor.config.classes)
    schema |= {"mi": pl.Float64(), "entropy": pl.Float64()} if options.draws else {}
    left_out: Counter[str] = Counter()
    with writer_for(options.out, schema) as writer, audio_progress_bar("predicting", len(named)) as bar:
        for chunk in _measured_ahead(named):
            writer.write(_answers(predictor, _usable(chunk, left_out, bar), schema, left_out, bar))
        if not writer.told.rows:
            raise ClipsError(f"none of {len(named)} audio files can be used: {_counted(left_out)}.")
    print(f"{_summary(writer.told)} → {options.out}" if options.out else _summary(writer.told))
    if left_out:
        print(f"{left_out.total():,} of {len(named):,} files left out: {_counted(left_out)}")


def _files_at(audio: Sequence[Path]) -> list[_Named]:
    """Each file once, with its clip id as in an index: the path without its ending."""
    found: dict[str, _Named] = {}
    for given in audio:
        for content, named in _files_below(given):
            found.setdefault(content, named)
    if not found:
        raise ClipsError(f"{audio[0]}: no audio file there. Expected {', '.join(sorted(AUDIO_SUFFIXES))}.")
    return list(found.values())


def _files_below(given: Path) -> Iterator[tuple[str, _Named]]:
    """Where each file really is, and what it is called."""
    root, named = str(given.resolve()), str(given)
    if given.is_file():
        yield root, _Named(given.stem, named)
        return
    if not given.is_dir():
        raise ClipsError(f"{given}: no such audio file or folder.")
    endings = tuple(AUDIO_SUFFIXES)
    paths = (os.path.join(place, name) for place, _, names in os.walk(named) for name in names)  # noqa: PTH118
    for path in sorted(path for path in paths if path.lower().endswith(endings)):
        below = os.path.relpath(path, named)
        yield f"{root}{os.sep}{below}", _Named(os.path.splitext(below)[0].replace(os.sep, "/"), path)  # noqa: PTH122


def _measured_ahead(named: Sequence[_Named]) -> Iterator[list[_Measured]]:
    """Some files after the others, the next ones being read meanwhile."""
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="measure")
    waiting: deque[list[Future[_Measured]]] = deque()
    try:
        for at in range(0, len(named), _AT_ONCE):
            waiting.append([pool.submit(_measure, each) for each in named[at : at + _AT_ONCE]])
            if len(waiting) > 1:
                yield [future.result() for future in waiting.popleft()]
        for futures in waiting:
            yield [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _measure(named: _Named | _Measured) -> _Measured:
    """As an index would: what it would quarantine has a problem."""
    path = Path(named.path)
    facts = measure_audio(path)
    if problem := ClipsSettings(folder=Path()).problem_of(facts):
        return _Measured(named.clip_id, named.path, None, problem)
    try:
        return _Measured(named.clip_id, named.path, AudioFile(sha256_of_file(path), path, facts.duration_s))
    except OSError as error:  # it has gone since
        return _Measured(named.clip_id, named.path, None, f"unreadable: {error.strerror}")


def _usable(chunk: Sequence[_Measured], left_out: Counter[str], bar: AudioBar) -> list[_Measured]:
    """Those with audio; the others are named."""
    for each in chunk:
        if each.file is None:
            bar.write(f"left out: {each.path}: {each.problem}")
            bar.heard(1, 0)
            left_out[each.problem.split(":")[0]] += 1
    return [each for each in chunk if each.file is not None]


def _answers(
    predictor: Predictor, usable: list[_Measured], schema: dict[str, pl.DataType], left_out: Counter[str], bar: AudioBar
) -> pl.DataFrame:
    """One row per file. Files that have changed or gone since they were measured are measured once more."""
    try:
        return _rows(predictor, usable, schema, bar)
    except ClipsError:
        again = _usable([_measure(each) for each in usable], left_out, bar)
        return _rows(predictor, again, schema, bar)


def _rows(
    predictor: Predictor, usable: Sequence[_Measured], schema: dict[str, pl.DataType], bar: AudioBar
) -> pl.DataFrame:
    classes, files = predictor.config.classes, [each.file for each in usable if each.file]
    probs_NC, doubt = predictor.answer(files, lambda heard: bar.heard(len(heard), sum(f.duration_s for f in heard)))
    bar.heard(len(files) - len({file.sha256 for file in files}), 0)  # the same recording again costs nothing
    columns = {
        "clip_id": [each.clip_id for each in usable],
        "path": [each.path for each in usable],
        "label": [classes[i] for i in probs_NC.argmax(axis=1)],
        "confidence": probs_NC.max(axis=1),
        **dict(zip(p_columns(classes), probs_NC.T, strict=True)),
    }
    return pl.DataFrame(columns | ({"mi": doubt.mi_N, "entropy": doubt.entropy_N} if doubt else {}), schema)


def _summary(told: Told) -> str:
    shares = ", ".join(f"{label} {count / told.rows:.0%}" for label, count in told.labels.most_common())
    return f"{told.rows:,} rows ({shares})"


def _counted(left_out: Counter[str]) -> str:
    return ", ".join(f"{count:,} {problem}" for problem, count in left_out.most_common())
