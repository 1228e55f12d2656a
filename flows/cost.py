"""What a run would ask and cost, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.dag import facts_memory, hash_memory, teacher_node
from flows.freshness import Verdict
from flows.place import Place
from tasks.asking.money import price_list
from tasks.storage.answers import AnswerStore
from tasks.storage.audio_facts import read_facts
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.file_hashes import hash_files
from tasks.storage.manifests import list_clips
from tasks.teachers import PaidSettings
from tasks.teachers.wanted import prompt_tokens, wanted_draws

_ANSWER_TOKENS = 40
_SECONDS_PER_CLIP = 4.0  # where a clip has not been measured yet


@dataclass(frozen=True)
class Estimate:
    """New calls and what they would cost.

    Attributes:
        asks: Teachers that would be asked at least once.
        unpriced: Models that the price list does not know; their calls are not in `usd`.
        ceiling_usd: The most that pipelines.yaml allows; None if some teacher has no ceiling.
        measured: Whether the clips' durations are known yet.
    """

    calls: int
    asks: tuple[str, ...]
    input_tokens: int
    usd: float
    unpriced: tuple[str, ...]
    ceiling_usd: float | None
    measured: bool

    def told(self) -> str:
        """One line."""
        about = "" if self.measured else ", taking 4 s for each clip that is new"
        text = f"  {self.calls:,} new calls, about {self.input_tokens:,} input tokens, ${self.usd:.2f}{about}"
        if self.unpriced:
            text += f"; no price is known for {', '.join(self.unpriced)}"
        return text


def estimate_costs(place: Place, verdicts: list[Verdict], stale: list[Verdict]) -> Estimate:
    """Of the paid teachers among the stale nodes.

    Args:
        place: The pipeline.
        verdicts: Of all nodes, in the order of the DAG.
        stale: Of the nodes that would run.
    """
    names = {verdict.node.name for verdict in stale}
    teachers = {name: t for name, t in place.settings.paid.items() if teacher_node(place.settings, name) in names}
    clips, measured = _clips(place, verdicts[0]) if teachers else (pl.DataFrame(), True)
    parts = [_of_teacher(place, teacher, clips) for teacher in teachers.values()]
    ceilings = [teacher.max_cost_usd for teacher in teachers.values()]
    return Estimate(
        calls=sum(calls for calls, _, _ in parts),
        asks=tuple(name for name, (calls, _, _) in zip(teachers, parts, strict=True) if calls),
        input_tokens=round(sum(tokens for _, tokens, _ in parts)),
        usd=sum(usd or 0.0 for _, _, usd in parts),
        unpriced=tuple(
            teacher.model
            for teacher, (calls, _, usd) in zip(teachers.values(), parts, strict=True)
            if calls and usd is None
        ),
        ceiling_usd=None if None in ceilings else sum(c for c in ceilings if c is not None),
        measured=measured,
    )


def _clips(place: Place, index: Verdict) -> tuple[pl.DataFrame, bool]:
    """sha256, path and duration of each audio, and whether all durations are known.

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


def _of_teacher(place: Place, teacher: PaidSettings, clips: pl.DataFrame) -> tuple[int, float, float | None]:
    """New calls, their input tokens, and dollars (None without a price)."""
    classes = place.settings.classes
    with AnswerStore(place.shared("answers")) as store:
        new = [want for want in wanted_draws(clips, teacher, classes) if want.key not in store]
    text_tokens, price = prompt_tokens(teacher, classes), price_list().get(teacher.model)
    tokens = sum(want.audio_tokens + text_tokens for want in new)
    if price is None:
        return len(new), tokens, None
    return len(new), tokens, sum(price.estimate(want.audio_tokens, text_tokens, _ANSWER_TOKENS) for want in new)
