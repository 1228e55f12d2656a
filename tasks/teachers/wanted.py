"""Which answers a table of draws needs, by the keys that they are kept under; for asking and for estimating alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tasks.storage.answers import answer_key
from tasks.teachers.paid import PaidTeacher

_AUDIO_TOKENS_PER_S = 32  # Gemini's older pages say 32, its newer ones 25; the usage that comes back is what counts
_LETTERS_PER_TOKEN = 3  # about four in English; rather too many tokens than too few
_SCHEMA_TOKENS = 50


@dataclass(frozen=True)
class Wanted:
    """One draw of one audio content."""

    sha256: str
    path: str
    duration_s: float
    draw: int
    key: str

    @property
    def audio_tokens(self) -> int:
        return round(self.duration_s * _AUDIO_TOKENS_PER_S)


def wanted_draws(clips: pl.DataFrame, teacher: PaidTeacher, classes: Sequence[str]) -> list[Wanted]:
    """Each draw of each row of `clips` (sha256, path, duration_s), which holds each audio content once."""
    asked = teacher.asked(classes)
    return [
        Wanted(sha256, path, duration_s, draw, answer_key(audio_sha256=sha256, asked=asked, draw=draw))
        for sha256, path, duration_s in clips.select("sha256", "path", "duration_s").iter_rows()
        for draw in range(teacher.draws)
    ]


def prompt_tokens(teacher: PaidTeacher, classes: Sequence[str]) -> int:
    """About how many tokens the prompt and the schema take."""
    return len(str(teacher.asked(classes)["prompt"])) // _LETTERS_PER_TOKEN + _SCHEMA_TOKENS
