"""Stage: `clips.parquet` → `draws/<teacher>.parquet`, a paid teacher's answers per clip. Pays only for new ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.asking.job import Outcome, Stop
from tasks.asking.money import told_usd
from tasks.asking.shared_quota import SharedQuota
from tasks.contracts.class_map import told_unmapped
from tasks.contracts.errors import CacheError, MifuseError, ProviderError, QuotaError
from tasks.contracts.tables import DRAW_STATUS, paid_draws_schema
from tasks.fusion.adaptive import decider
from tasks.maths.uncertainty import mutual_information, wording_information
from tasks.storage.answers import AnswerStore
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.draws import as_draws
from tasks.storage.tables import write_table
from tasks.teachers.answers_table import AnswersTable
from tasks.teachers.ceilings import Purse
from tasks.teachers.paid import AdaptiveDraws, PaidTeacher
from tasks.teachers.rounds import Decider, Rounds
from tasks.teachers.session import Session
from tasks.teachers.wanted import Asking, Wanted

_ERRORS: dict[str, type[MifuseError]] = {"quota": QuotaError, "provider": ProviderError, "store": CacheError}
_NOT_ASKED = "not asked: this run only read the answers that are stored"


@dataclass(frozen=True)
class Choices:
    """What one run asks, besides what was never asked.

    Attributes:
        retry: Stored answers of these statuses are asked again: "refused", "unparsable".
        ask: False reads what is stored and asks nothing.
        purse: What the run may spend.
        shared: The quota that all machines share, if the teacher's settings name one.
    """

    retry: frozenset[str] = frozenset()
    ask: bool = True
    purse: Purse = field(default_factory=Purse)
    shared: SharedQuota | None = None


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
    classifier_draws: Path | None = None,
    choices: Choices | None = None,
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
        classifier_draws: The classifier's table; adaptive draws need it.
        choices: What this run asks and may spend.

    Raises:
        QuotaError: Stopped by the budget or the daily quota. Everything that arrived is kept.
        ProviderError: The provider is out, refuses the key, or answered too few clips. Everything is kept.
    """
    choices = choices or Choices()
    clips = read_usable_clips(clips_table)
    asking = Asking(teacher, classes)
    given = (choices.purse, choices.shared)
    with (
        AnswerStore(answers) as store,
        Session(name, asking, folder, store, answers, *given) as session,
        _told_paid(session.outcome),
    ):
        answered = AnswersTable(asking, store)
        rounds = Rounds(asking, answered, _decider(teacher, classes, classifier_draws))
        ask = _Asking(answered, session, choices.retry) if choices.ask else _ask_nothing
        wanted = rounds.ask(each_audio_once(clips), ask)
        failed = session.outcome.failed if choices.ask else {want.key: _NOT_ASKED for want in wanted}
        table = answered.table(clips, wanted, failed)
        _check_answered(name, teacher, table)
    write_table(out, table, paid_draws_schema(classes))
    return _stats(table, session.outcome, asking)


@contextmanager
def _told_paid(outcome: Outcome) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        error.paid_usd = outcome.spent.usd
        raise


def _decider(teacher: PaidTeacher, classes: list[str], classifier_draws: Path | None) -> Decider | None:
    if not isinstance(teacher.draws, AdaptiveDraws):
        return None
    assert classifier_draws is not None
    return decider(classifier_draws, classes, least=teacher.draws.min, most=teacher.draws.max, stop=teacher.draws.stop)


def _ask_nothing(wanted: list[Wanted]) -> None:
    """`--reparse`."""


@dataclass
class _Asking:
    """Gives each round to the session, and ends the stage when asking was stopped."""

    answered: AnswersTable
    session: Session
    retry: frozenset[str]

    def __call__(self, wanted: list[Wanted]) -> None:
        again = frozenset(w.key for w in wanted if self.retry and self.answered.status_of(w.key) in self.retry)
        self.answered.forget(self.session.ask(wanted, again))
        if (stop := self.session.outcome.stopped) is not None:
            raise self._stopped(stop, len(self.session.missing(wanted)))

    def _stopped(self, stop: Stop, missing: int) -> MifuseError:
        outcome = self.session.outcome
        return _ERRORS[stop.kind](
            f"{self.session.name} ({self.session.model}): asking stopped: {stop.why}. {outcome.answered:,} answers "
            f"arrived in this run ({told_usd(outcome.spent.usd)}) and are kept; {missing:,} are still to be asked. "
            f"{stop.go_on or 'The same command asks for the rest.'}"
        )


def _check_answered(name: str, teacher: PaidTeacher, table: pl.DataFrame) -> None:
    # "None of these" is an answer too: whoever declared that a label means no class expects it.
    answered = table.group_by("clip_id").agg(usable=pl.col("status").is_in(["answered", "unmapped"]).any())
    share = float(answered["usable"].mean() or 0.0)  # type: ignore[arg-type]
    if share >= teacher.min_answered:
        return
    why = table.drop_nulls("reason")["reason"].value_counts(sort=True).head(3)
    told = "; ".join(f"{count} × {reason}" for reason, count in why.iter_rows())
    raise ProviderError(
        f"{name} ({teacher.model}): {share:.0%} of the clips got a usable answer, teachers.{name}.min_answered is "
        f"{teacher.min_answered:.0%}. Most frequent: {told}. All answers are kept; draws that failed are asked again "
        "by the next run, others with --retry refused,unparsable."
    )


def _stats(table: pl.DataFrame, outcome: Outcome, asking: Asking) -> dict[str, Any]:
    once = table.unique(["sha256", "draw"], keep="first", maintain_order=True)
    counts = {status: int((once["status"] == status).sum()) for status in DRAW_STATUS.categories}
    tokens = {name: int(once[name].sum()) for name in ("input_tokens", "output_tokens")}
    spent = outcome.spent
    costs = {"paid_usd": round(spent.usd, 6), "cost_usd": round(float(once["cost_usd"].sum()), 6)}
    stats: dict[str, Any] = {"calls": outcome.calls, **counts, **tokens, **costs}
    if spent.unconfirmed_usd:
        stats["lost_usd"] = round(spent.unconfirmed_usd, 6)
    if outcome.batched:
        stats["in_batches"] = outcome.batched
    if outcome.limited:
        stats["turned_away"] = outcome.limited
    if asking.teacher.hears != "audio":
        stats["heard"] = f"{asking.teacher.hears} ({', '.join(asking.teacher.reads)})"
    versions = sorted(once["model_version"].drop_nulls().unique())
    if len(versions) > 1:
        stats["model_versions"] = ", ".join(versions)
    means_N = once.group_by("sha256", maintain_order=True).agg(pl.col("unmapped").mean())["unmapped"].to_numpy()
    if told := told_unmapped(means_N, of=""):
        stats["unmapped_mass"] = told
    if (share := _wording_share(once, asking)) is not None:
        stats["mi_from_wording"] = share
    unfinished = f"{counts['failed']} draws failed and are asked again" if counts["failed"] else None
    return stats | {"unfinished": unfinished}


def _wording_share(once: pl.DataFrame, asking: Asking) -> str | None:
    """How much of the draws' mutual information comes from the wording, where several prompts were used."""
    if len(asking.prompts) < 2:
        return None
    probs_NKC, valid_NK = as_draws(once, sorted(set(once["sha256"])), asking.classes)
    prompts_K = [draw % len(asking.prompts) for draw in range(valid_NK.shape[1])]
    between_N = wording_information(probs_NKC, valid_NK, prompts_K)
    total_N = mutual_information(probs_NKC, valid_NK)
    known_N = ~np.isnan(between_N) & ~np.isnan(total_N)
    total = float(total_N[known_N].sum())
    return f"{float(between_N[known_N].sum()) / total:.0%}" if total > 0 else None
