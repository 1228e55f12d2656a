"""Stage: `clips.parquet` → `draws/<teacher>.parquet`, N answers of a paid teacher per clip. Pays only for new ones."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.asking.engine import Engine, Job, Outcome
from tasks.asking.money import Budget, price_list
from tasks.asking.provider import Question, QuestionRejectedError
from tasks.asking.reading import UnparsableError, read_distribution
from tasks.contracts.errors import CacheError, ProviderError, QuotaError, SettingsError
from tasks.contracts.progress import progress_bar
from tasks.contracts.tables import DRAW_STATUS, p_columns, paid_draws_schema
from tasks.storage.answers import AnswerStore, StoredAnswer
from tasks.storage.audio import MIME_TYPES, as_flac, read_audio
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.tables import write_table
from tasks.teachers.paid import PaidTeacher
from tasks.teachers.wanted import Wanted, prompt_tokens, wanted_draws

_SENT_AS_IT_IS_BYTES = 10_000_000  # a request may have 20 MB, and base64 adds a third


# NO_CACHE: answers are cached one by one; Prefect would pay for the whole batch again when one clip is added.
@task(name="query_lalm", cache_policy=NO_CACHE)
def query_lalm(
    name: str,
    teacher: PaidTeacher,
    classes: list[str],
    clips_table: Path,
    folder: Path,
    answers: Path,
    out: Path,
    max_cost_usd: float | None = None,
) -> dict[str, Any]:
    """Asks for the answers that were never paid for, stores each as it arrives, then writes all of them as a table.

    Args:
        name: The teacher's name in pipelines.yaml.
        teacher: Its settings.
        classes: The pipeline's.
        clips_table: `clips.parquet`.
        folder: What its paths are relative to.
        answers: The folder of stored answers, shared by all pipelines.
        out: `draws/<teacher>.parquet`.
        max_cost_usd: Lowers the teacher's own ceiling for this run.

    Raises:
        QuotaError: Stopped by the budget or the daily quota. Everything that arrived is kept.
        ProviderError: The provider is out, refuses the key, or answered too few clips. Everything is kept.
    """
    clips = read_usable_clips(clips_table)
    with AnswerStore(answers) as store:
        wanted = wanted_draws(each_audio_once(clips), teacher, classes)
        outcome = _ask_missing(name, teacher, classes, wanted, folder, store, answers, max_cost_usd)
        table = _table(clips, wanted, store, outcome.failed, teacher, classes)
    _check_answered(name, teacher, table, outcome)
    write_table(out, table, paid_draws_schema(classes))
    return _stats(table, outcome)


def _ask_missing(
    name: str,
    teacher: PaidTeacher,
    classes: list[str],
    wanted: list[Wanted],
    folder: Path,
    store: AnswerStore,
    answers: Path,
    max_cost_usd: float | None,
) -> Outcome:
    """Asks for what is not stored. One run at a time: two that overlap would pay for the same answers twice."""
    if all(want.key in store for want in wanted):
        return Outcome()
    with _alone(answers):
        missing = [want for want in wanted if want.key not in store]  # another run may have asked meanwhile
        outcome = _ask(name, teacher, classes, missing, folder, store, max_cost_usd)
    _check_stopped(name, teacher, outcome, len(missing))
    return outcome


@contextmanager
def _alone(answers: Path) -> Iterator[None]:
    lock = FileLock(answers / "asking.lock")  # the system lets go of it when its process dies
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"  another run is asking (it holds {lock.lock_file}); waiting for it to end", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _ask(
    name: str,
    teacher: PaidTeacher,
    classes: list[str],
    missing: list[Wanted],
    folder: Path,
    store: AnswerStore,
    max_cost_usd: float | None,
) -> Outcome:
    price = price_list().get(teacher.model)
    budget = Budget(min((c for c in (teacher.max_cost_usd, max_cost_usd) if c is not None), default=None))
    if budget.ceiling_usd is not None and price is None:
        raise SettingsError(
            f"{name} ({teacher.model}): a ceiling of ${budget.ceiling_usd:g} is set, but no price is known for this "
            "model, so it could not be kept. Add the model to tasks/asking/prices.yaml, or take the ceiling away."
        )
    with progress_bar(f"asking {name} ({teacher.model})", len(missing), "draws") as bar:

        def keep(key: str, answer: StoredAnswer) -> None:
            store.put(key, answer)
            bar.update()
            bar.set_postfix_str(f"${budget.paid_usd + (answer.cost_usd or 0):.2f}", refresh=False)

        with teacher.connect(classes) as provider:
            engine = Engine(provider, teacher.limits, budget, price, keep)
            return asyncio.run(engine.ask_all(_jobs(missing, folder, teacher, classes)))


def _jobs(missing: list[Wanted], folder: Path, teacher: PaidTeacher, classes: list[str]) -> Iterator[Job]:
    """One job at a time: audio is read when its turn comes, so memory does not grow with the corpus."""
    text_tokens = prompt_tokens(teacher, classes)
    for want in missing:
        path = folder / want.path

        def read(path: Path = path, sha256: str = want.sha256, draw: int = want.draw) -> Question:
            return _question(path, sha256, draw)

        yield Job(want.key, read, want.audio_tokens, text_tokens, teacher.max_output_tokens)


def _question(path: Path, sha256: str, draw: int) -> Question:
    """The file's bytes where a provider takes them as they are, else the same sound as 16 kHz mono FLAC."""
    try:
        audio = path.read_bytes()
    except OSError as error:
        raise QuestionRejectedError(f"{path.name}: cannot be read ({error.strerror})", for_all=False) from error
    if hashlib.sha256(audio).hexdigest() != sha256:  # its answer would be kept under another recording's key
        raise QuestionRejectedError(f"{path.name}: has changed since it was indexed; run again", for_all=False)
    mime_type = MIME_TYPES.get(path.suffix.lower())
    if mime_type is None or len(audio) > _SENT_AS_IT_IS_BYTES:
        return Question(as_flac(read_audio(audio)), MIME_TYPES[".flac"], draw)
    return Question(audio, mime_type, draw)


def _check_stopped(name: str, teacher: PaidTeacher, outcome: Outcome, missing: int) -> None:
    if not outcome.stopped:
        return
    told = (
        f"{name} ({teacher.model}): asking stopped: {outcome.stopped}. "
        f"{outcome.answered} of {missing} answers arrived and are kept; the same command asks for the rest."
    )
    if outcome.cannot_store:
        raise CacheError(told)
    raise QuotaError(told) if outcome.out_of_money else ProviderError(told)


def _table(
    clips: pl.DataFrame,
    wanted: list[Wanted],
    store: AnswerStore,
    failed: dict[str, str],
    teacher: PaidTeacher,
    classes: list[str],
) -> pl.DataFrame:
    rows = [_row(want, store.get(want.key), failed, teacher, classes) for want in wanted]
    schema = {name: kind for name, kind in paid_draws_schema(classes).items() if name != "clip_id"}
    draws = pl.DataFrame(rows, schema)
    named = clips.select("clip_id", "sha256").join(draws, on="sha256", how="left", maintain_order="left")
    return named.select(paid_draws_schema(classes).keys())


def _row(
    want: Wanted, answer: StoredAnswer | None, failed: dict[str, str], teacher: PaidTeacher, classes: list[str]
) -> dict[str, Any]:
    row: dict[str, Any] = {"sha256": want.sha256, "draw": want.draw, "prompt_id": teacher.prompt}
    if answer is None:
        return row | {"status": "failed", "reason": failed.get(want.key, "no answer arrived")}
    row |= {"raw_answer": answer.text, "model_version": answer.model_version, "latency_s": answer.latency_s}
    row |= {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
    row |= {"cost_usd": answer.cost_usd, "answered_at": answer.answered_at}
    if answer.refusal:
        return row | {"status": "refused", "reason": answer.refusal}
    try:
        probs_C = read_distribution(answer.text, classes)
    except UnparsableError as error:
        return row | {"status": "unparsable", "reason": str(error)}
    return row | {"status": "answered"} | dict(zip(p_columns(classes), probs_C, strict=True))


def _check_answered(name: str, teacher: PaidTeacher, table: pl.DataFrame, outcome: Outcome) -> None:
    answered = table.group_by("clip_id").agg(usable=(pl.col("status") == "answered").any())
    share = float(answered["usable"].mean() or 0.0)  # type: ignore[arg-type]
    if share >= teacher.min_answered:
        return
    why = table.drop_nulls("reason")["reason"].value_counts(sort=True).head(3)
    told = "; ".join(f"{count} × {reason}" for reason, count in why.iter_rows())
    raise ProviderError(
        f"{name} ({teacher.model}): {share:.0%} of the clips got a usable answer, teachers.{name}.min_answered is "
        f"{teacher.min_answered:.0%}. Most frequent: {told}. All answers are kept; draws that failed are asked again "
        "by the next run."
    )


def _stats(table: pl.DataFrame, outcome: Outcome) -> dict[str, Any]:
    once = table.unique(["sha256", "draw"], keep="first", maintain_order=True)
    counts = {status: int((once["status"] == status).sum()) for status in DRAW_STATUS.categories}
    tokens = {name: int(once[name].sum()) for name in ("input_tokens", "output_tokens")}
    costs = {"paid_usd": round(outcome.paid_usd, 6), "cost_usd": round(float(once["cost_usd"].sum()), 6)}
    stats = {"calls": outcome.answered, **counts, **tokens, **costs}
    unfinished = f"{counts['failed']} draws failed and are asked again" if counts["failed"] else None
    return stats | {"unfinished": unfinished}
