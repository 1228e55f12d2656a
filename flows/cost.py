"""What a run would ask and cost, before anything is spent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from flows.dag import draws_file, facts_memory, teacher_node
from flows.estimate import Estimate, Part
from flows.freshness import Verdict
from flows.place import Place
from tasks.asking.batch_records import keys_in_batches
from tasks.asking.money import Price, price_list
from tasks.fusion.adaptive import decider
from tasks.storage.answers import AnswerStore
from tasks.storage.audio_facts import read_facts
from tasks.storage.clip_source import hash_source, list_source
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.stage_records import Record
from tasks.teachers import PaidSettings
from tasks.teachers.answers_table import AnswersTable
from tasks.teachers.paid import AdaptiveDraws
from tasks.teachers.rounds import Decider, Rounds
from tasks.teachers.wanted import Asking, Wanted

if TYPE_CHECKING:
    from flows.steps import Steps

_SECONDS_PER_CLIP = 4.0  # where a clip has not been measured yet


def estimate_run(place: Place, steps: Steps) -> Estimate:
    """Of the run that `steps` choose."""
    verdicts = place.examine()
    return estimate_costs(place, verdicts, steps.to_run(verdicts), steps)


def estimate_costs(place: Place, verdicts: list[Verdict], stale: list[Verdict], steps: Steps | None = None) -> Estimate:
    """Of the paid teachers among the stale nodes.

    Args:
        place: The pipeline.
        verdicts: Of all nodes, in the order of the DAG.
        stale: Of the nodes that would run.
        steps: The run's options: `--reparse` asks nothing, `--retry` asks again.
    """
    names = {verdict.node.name for verdict in stale}
    teachers = {name: t for name, t in place.settings.paid.items() if teacher_node(place.settings, name) in names}
    if not teachers or (steps is not None and steps.reparse):
        return Estimate((), measured=True)
    clips, measured = clips_now(place, verdicts[0])
    retry = frozenset(steps.retry if steps else ())
    parts = [_of_teacher(place, name, teacher, clips, retry, verdicts) for name, teacher in teachers.items()]
    return Estimate(tuple(part for part in parts if part.most_draws), measured)


def clips_now(place: Place, index: Verdict) -> tuple[pl.DataFrame, bool]:
    """sha256, path, duration and transcript of each audio, and whether all durations are known.

    A stale index does not know new clips, and they are what costs: then the folder itself is looked at.
    """
    if not index.needs_work and index.fingerprint is not None:
        table = place.store.folder(index.node, index.fingerprint) / "clips.parquet"
        return each_audio_once(read_usable_clips(table)), True
    clips = place.settings.clips
    listed = list_source(clips, place.cache)
    hashes = hash_source(clips, listed, place.cache)
    found = listed.with_columns(sha256=pl.Series(hashes, dtype=pl.String)).drop_nulls("sha256")
    known = read_facts(facts_memory(place.cache)).select("sha256", "duration_s")
    rows = each_audio_once(found.join(known, on="sha256", how="left"))
    return rows.with_columns(pl.col("duration_s").fill_null(_SECONDS_PER_CLIP)), not rows["duration_s"].null_count()


def _of_teacher(
    place: Place, name: str, teacher: PaidSettings, clips: pl.DataFrame, retry: frozenset[str], verdicts: list[Verdict]
) -> Part:
    asking, price = Asking(teacher, place.settings.classes), price_list(place.prices).get(teacher.model)
    if price is not None and teacher.batch is not None:
        price = price.in_batches()
    held = keys_in_batches(place.shared("answers"), teacher.model)  # they are submitted, and paid
    with _stored_answers(place.shared("answers")) as store:
        answered = AnswersTable(asking, store)

        def is_stored(key: str) -> bool:
            return key in held or (key in store and not (retry and answered.status_of(key) in retry))

        sure, possible = Rounds(asking, answered, _decider(place, teacher, verdicts)).missing(clips, is_stored)
    sure_usd, possible_usd = _usd(asking, sure, price), _usd(asking, possible, price)
    return Part(
        teacher=name,
        model=teacher.model,
        draws=len(sure),
        most_draws=len(sure) + len(possible),
        input_tokens=sum(asking.audio_tokens(want) + asking.text_tokens(want) for want in [*sure, *possible]),
        usd=sure_usd,
        most_usd=None if sure_usd is None or possible_usd is None else sure_usd + possible_usd,
        ceiling_usd=min((c for c in (teacher.max_cost_usd, teacher.max_cost_usd_per_month) if c), default=None),
        as_of=price.as_of if price else "",
    )


@contextmanager
def _stored_answers(folder: Path) -> Iterator[AnswerStore]:
    """In its place where it can be written; else a copy, or an empty one where there is none: to look makes nothing."""
    with TemporaryDirectory() as elsewhere:
        is_writable = os.access(folder, os.W_OK)
        for file in [] if is_writable else folder.glob("cache.db*"):  # SQLite writes beside what it reads
            shutil.copyfile(file, Path(elsewhere, file.name))
        with AnswerStore(folder if is_writable else Path(elsewhere)) as store:
            yield store


def _decider(place: Place, teacher: PaidSettings, verdicts: list[Verdict]) -> Decider | None:
    """None where the classifier's draws will be others than those that are there: any clip may be open then."""
    draws = teacher.draws
    if not isinstance(draws, AdaptiveDraws):
        return None
    name = place.settings.classifier_name
    verdict = next(each for each in verdicts if each.node.name == teacher_node(place.settings, name))
    record = verdict.kept or place.store.record_of(verdict.node)
    if record is None or record.settings != dict(verdict.node.settings) or _is_another(record, verdict):
        return None
    shown, kept = place.shown(draws_file(name)), verdict.kept and place.store.folder(verdict.node, record.fingerprint)
    table = kept / draws_file(name) if kept else shown  # shown: of the clips that were there before
    return decider(table, place.settings.classes, least=draws.min, most=draws.max, stop=draws.stop)


def _is_another(record: Record, verdict: Verdict) -> bool:
    """Whether the classifier, or the statistics that it standardises by, are known to have changed."""
    own = {name: digest for name, digest in record.inputs.items() if name != "clips.parquet"}
    return any(verdict.inputs.get(name, digest) != digest for name, digest in own.items())


def _usd(asking: Asking, wanted: list[Wanted], price: Price | None) -> float | None:
    if price is None:
        return None
    teacher = asking.teacher
    per_call = min(teacher.candidates_per_call, teacher.most_draws)  # the input is paid once per call
    return sum(
        price.estimate(asking.audio_tokens(w) / per_call, asking.text_tokens(w) / per_call, teacher.usual_output_tokens)
        for w in wanted
    )
