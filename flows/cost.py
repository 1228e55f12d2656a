"""What a run would ask and cost, before anything is spent."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.dag import draws_file, facts_memory, hash_memory, teacher_node
from flows.freshness import Verdict
from flows.place import Place
from tasks.asking.money import Price, price_list, told_usd
from tasks.contracts.errors import SettingsError
from tasks.fusion.adaptive import decider
from tasks.storage.answers import AnswerStore
from tasks.storage.audio_facts import read_facts
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.file_hashes import hash_files
from tasks.storage.manifests import list_clips
from tasks.teachers import PaidSettings
from tasks.teachers.answers_table import AnswersTable
from tasks.teachers.paid import AdaptiveDraws
from tasks.teachers.rounds import Decider, Rounds
from tasks.teachers.wanted import Asking, Wanted

if TYPE_CHECKING:
    from flows.steps import Steps

ASK_FROM_USD = 1.0
_ANSWER_TOKENS = 40
_SECONDS_PER_CLIP = 4.0  # where a clip has not been measured yet


@dataclass(frozen=True)
class Part:
    """One teacher's new draws and what they would cost.

    Attributes:
        draws: Asked for sure.
        most_draws: With adaptive draws, if no clip is settled early.
        most_usd: For the most draws; None: no price is known.
        ceiling_usd: What pipelines.yaml allows; None: nothing bounds it.
    """

    teacher: str
    model: str
    draws: int
    most_draws: int
    input_tokens: float
    usd: float | None
    most_usd: float | None
    ceiling_usd: float | None
    as_of: str


@dataclass(frozen=True)
class Estimate:
    """Of all paid teachers among the stages that would run. `measured`: the clips' durations are known."""

    parts: tuple[Part, ...]
    measured: bool

    @property
    def asks(self) -> tuple[str, ...]:
        """Teachers that may be asked at least once."""
        return tuple(part.teacher for part in self.parts)

    @property
    def most_usd(self) -> float:
        """Without the models that have no price."""
        return sum(part.most_usd or 0.0 for part in self.parts)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models without a price."""
        return tuple(part.model for part in self.parts if part.most_usd is None)

    @property
    def needs_consent(self) -> bool:
        """From $1 on, or where nobody knows."""
        return self.most_usd >= ASK_FROM_USD or bool(self.unpriced)

    @property
    def ceiling_usd(self) -> float | None:
        """The most that pipelines.yaml allows; None if some teacher has no ceiling."""
        ceilings = [part.ceiling_usd for part in self.parts]
        return None if None in ceilings else sum(c for c in ceilings if c is not None)

    def told(self) -> str:
        """One line."""
        draws, most = sum(part.draws for part in self.parts), sum(part.most_draws for part in self.parts)
        tokens = round(sum(part.input_tokens for part in self.parts))
        usd = sum(part.usd or 0.0 for part in self.parts)
        about = "" if self.measured else ", taking 4 s for each clip that is new"
        count, cost = (
            (f"{draws:,}", told_usd(usd))
            if draws == most
            else (f"{draws:,} to {most:,}", f"{told_usd(usd)} to {told_usd(self.most_usd)}")
        )
        dates = {part.as_of for part in self.parts if part.as_of and part.most_usd}
        if self.unpriced:
            cost = f"cost unknown, since {', '.join(self.unpriced)} has no price"
        elif dates:
            cost += f" (prices of {', '.join(sorted(dates))})"
        return f"  {count} new draws, about {tokens:,} input tokens{about}, {cost}"


def check_ceiling(estimate: Estimate, max_cost_usd: float | None) -> None:
    """Raises SettingsError where nobody can be asked and nothing bounds what a run spends."""
    if not estimate.needs_consent or max_cost_usd is not None or estimate.ceiling_usd is not None:
        return
    price = "Give the model a price in prices.yaml beside pipelines.yaml (0 for a server of your own), and "
    ceiling = "set teachers.….max_cost_usd in pipelines.yaml, or give --max-cost-usd."
    raise SettingsError(
        f"the run needs {estimate.told().strip()}; nobody can be asked, and nothing bounds what it spends. "
        f"{price + ceiling if estimate.unpriced else ceiling[0].upper() + ceiling[1:]}"
    )


def check_priced(estimate: Estimate, max_cost_usd: float | None) -> None:
    """Raises SettingsError where there is a ceiling in dollars and a model without a price: it could not be kept."""
    for part in estimate.parts:
        ceiling_usd = min((c for c in (part.ceiling_usd, max_cost_usd) if c is not None), default=None)
        if ceiling_usd is not None and part.most_usd is None:
            raise SettingsError(
                f"{part.teacher}: a ceiling of ${ceiling_usd:g} is set, but no price is known for {part.model}, so it "
                "could not be kept. Give the model a price in prices.yaml beside pipelines.yaml (0 for a server of "
                "your own), or take the ceiling away."
            )


def can_ask() -> bool:
    """Whether a person sits there."""
    return sys.stdin is not None and sys.stdin.isatty()


def estimate_run(place: Place, steps: Steps) -> Estimate:
    """Of the run that `steps` choose."""
    names = {node.name for node in steps.chosen(place.nodes)}
    verdicts = place.examine()
    stale = [v for v in verdicts if v.node.name in names and (v.needs_work or v.node.stage in steps.forced)]
    return estimate_costs(place, verdicts, stale, steps)


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
    clips, measured = _clips(place, verdicts[0])
    retry = frozenset(steps.retry if steps else ())
    parts = [_of_teacher(place, name, teacher, clips, retry) for name, teacher in teachers.items()]
    return Estimate(tuple(part for part in parts if part.most_draws), measured)


def _clips(place: Place, index: Verdict) -> tuple[pl.DataFrame, bool]:
    """sha256, path, duration and transcript of each audio, and whether all durations are known.

    A stale index does not know new clips, and they are what costs: then the folder itself is looked at.
    """
    if not index.needs_work and index.fingerprint is not None:
        table = place.store.folder(index.node, index.fingerprint) / "clips.parquet"
        return each_audio_once(read_usable_clips(table)), True
    clips = place.settings.clips
    listed = list_clips(clips.folder, clips.manifest, clips.labels)
    hashes = hash_files(clips.folder, listed["path"].to_list(), hash_memory(place.cache, clips))
    found = listed.with_columns(sha256=pl.Series(hashes, dtype=pl.String)).drop_nulls("sha256")
    known = read_facts(facts_memory(place.cache)).select("sha256", "duration_s")
    rows = each_audio_once(found.join(known, on="sha256", how="left"))
    return rows.with_columns(pl.col("duration_s").fill_null(_SECONDS_PER_CLIP)), not rows["duration_s"].null_count()


def _of_teacher(place: Place, name: str, teacher: PaidSettings, clips: pl.DataFrame, retry: frozenset[str]) -> Part:
    asking, price = Asking(teacher, place.settings.classes), price_list(place.prices).get(teacher.model)
    if price is not None and teacher.batch is not None:
        price = price.in_batches()
    with AnswerStore(place.shared("answers")) as store:
        answered = AnswersTable(asking, store)

        def is_stored(key: str) -> bool:
            return key in store and not (retry and answered.status_of(key) in retry)

        sure, possible = Rounds(asking, answered, _decider(place, teacher)).missing(clips, is_stored)
    sure_usd, possible_usd = _usd(asking, sure, price), _usd(asking, possible, price)
    return Part(
        teacher=name,
        model=teacher.model,
        draws=len(sure),
        most_draws=len(sure) + len(possible),
        input_tokens=sum(asking.audio_tokens(want) + asking.text_tokens(want) for want in sure),
        usd=sure_usd,
        most_usd=None if sure_usd is None or possible_usd is None else sure_usd + possible_usd,
        ceiling_usd=min((c for c in (teacher.max_cost_usd, teacher.max_cost_usd_per_month) if c), default=None),
        as_of=price.as_of if price else "",
    )


def _decider(place: Place, teacher: PaidSettings) -> Decider | None:
    draws = teacher.draws
    if not isinstance(draws, AdaptiveDraws):
        return None
    table = place.shown(draws_file(place.settings.classifier_name))
    return decider(table, place.settings.classes, least=draws.min, most=draws.max, stop=draws.stop)


def _usd(asking: Asking, wanted: list[Wanted], price: Price | None) -> float | None:
    if price is None:
        return None
    return sum(price.estimate(asking.audio_tokens(w), asking.text_tokens(w), _ANSWER_TOKENS) for w in wanted)
