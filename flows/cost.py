"""What a run would ask and cost, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.place import Place
from tasks.asking.money import price_list
from tasks.contracts.stages import Node
from tasks.storage.answers import AnswerStore, answer_key
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.manifests import list_clips
from tasks.teachers import PaidSettings
from tasks.teachers.paid import AUDIO_TOKENS_PER_S

_ANSWER_TOKENS = 40
_SECONDS_PER_CLIP = 4.0  # where the clips have not been measured yet


@dataclass(frozen=True)
class Estimate:
    """New calls and what they would cost.

    Attributes:
        unpriced: Models that the price list does not know; their calls are not in `usd`.
        ceiling_usd: The most that pipelines.yaml allows; None if some teacher has no ceiling.
        measured: Whether the clips' durations are known yet.
    """

    calls: int
    input_tokens: int
    usd: float
    unpriced: tuple[str, ...]
    ceiling_usd: float | None
    measured: bool

    def told(self) -> str:
        """One line."""
        about = "" if self.measured else ", taking 4 s for each clip"
        text = f"  {self.calls:,} new calls, about {self.input_tokens:,} input tokens, ${self.usd:.2f}{about}"
        if self.unpriced:
            text += f"; no price is known for {', '.join(self.unpriced)}"
        return text


def estimate_costs(place: Place, nodes: list[Node]) -> Estimate:
    """Of the paid teachers among the nodes."""
    teachers = {name: t for name, t in place.settings.paid.items() if any(n.name.endswith(f".{name}") for n in nodes)}
    clips, measured = _clips(place) if teachers else (pl.DataFrame(), True)
    parts = [_of_teacher(place, teacher, clips) for teacher in teachers.values()]
    ceilings = [teacher.max_cost_usd for teacher in teachers.values()]
    return Estimate(
        calls=sum(calls for calls, _, _ in parts),
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


def _clips(place: Place) -> tuple[pl.DataFrame, bool]:
    """sha256 and duration of each audio; unmeasured clips have no sha256 yet and count as new."""
    table = place.shown("clips.parquet")
    if table.is_file():
        return each_audio_once(read_usable_clips(table)).select("sha256", "duration_s"), True
    clips = place.settings.clips
    listed = list_clips(clips.folder, clips.manifest, clips.labels)
    return listed.select(sha256=pl.col("path"), duration_s=pl.lit(_SECONDS_PER_CLIP)), False


def _of_teacher(place: Place, teacher: PaidSettings, clips: pl.DataFrame) -> tuple[int, float, float | None]:
    """New calls, their input tokens, and dollars (None without a price)."""
    asked = teacher.asked(place.settings.classes)
    text_tokens = len(str(asked["prompt"])) / 3 + 50
    price = price_list().get(teacher.model)
    calls, tokens, usd = 0, 0.0, 0.0
    with AnswerStore(place.shared("answers")) as store:
        for sha256, duration_s in clips.iter_rows():
            keys = [answer_key(audio_sha256=sha256, asked=asked, draw=draw) for draw in range(teacher.draws)]
            new = sum(key not in store for key in keys)
            audio_tokens = duration_s * AUDIO_TOKENS_PER_S
            calls += new
            tokens += new * (audio_tokens + text_tokens)
            usd += new * price.estimate(audio_tokens, text_tokens, _ANSWER_TOKENS) if price else 0.0
    return calls, tokens, usd if price else None
