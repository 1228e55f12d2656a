"""Which answers a table of draws needs, by the keys that they are kept under; for asking and for estimating alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.contracts.class_map import class_map
from tasks.storage.answers import KeysOf, answer_key
from tasks.teachers.paid import PaidTeacher
from tasks.teachers.prompts import prompt_text

_LETTERS_PER_TOKEN = 3  # about four in English; rather too many tokens than too few
_SCHEMA_TOKENS = 50
_PROSODY_TOKENS = 150


@dataclass(frozen=True, slots=True)
class Wanted:
    """One draw of one audio content. `transcript` is None unless the teacher reads it."""

    sha256: str
    path: str
    duration_s: float
    transcript: str | None
    prompt: int
    draw: int
    key: str


class Asking:
    """One teacher's questions about a pipeline's classes: what it is asked, what that means, keys, sizes."""

    def __init__(self, teacher: PaidTeacher, classes: Sequence[str]) -> None:
        self.teacher = teacher
        self.classes = list(classes)
        self.asked = teacher.asks_about(classes)
        self.meaning = class_map(self.asked, teacher.labels, classes)
        self.prompts = [prompt_text(prompt, self.asked) for prompt in teacher.prompt]
        # Of what is asked, not of what it means: another map of the answers costs no call.
        self.keys = [KeysOf(asked) for asked in teacher.asked(self.asked)]

    def wanted(self, clips: pl.DataFrame, draws: Iterable[int]) -> list[Wanted]:
        """These draws of each row of `clips` (sha256, path, duration_s, transcript); each audio stands there once."""
        reads_transcript = "transcript" in self.teacher.reads
        columns = clips.select("sha256", "path", "duration_s", "transcript").iter_rows()
        numbers = list(draws)
        return [
            self._wanted(sha256, path, duration_s, (transcript or "") if reads_transcript else None, draw)
            for sha256, path, duration_s, transcript in columns
            for draw in numbers
        ]

    def by_clip(self, clips: pl.DataFrame, draws: int) -> list[list[Wanted]]:
        """The first draws of each clip."""
        flat = self.wanted(clips, range(draws))
        return [flat[start : start + draws] for start in range(0, len(flat), draws)]

    def _wanted(self, sha256: str, path: str, duration_s: float, transcript: str | None, draw: int) -> Wanted:
        prompt = draw % len(self.prompts)
        keys = self.keys[prompt]
        if transcript is None:
            key = keys.key(sha256, draw)
        else:
            key = answer_key(audio_sha256=sha256, asked=keys.asked | {"transcript": transcript}, draw=draw)
        return Wanted(sha256, path, duration_s, transcript, prompt, draw, key)

    def audio_tokens(self, want: Wanted) -> int:
        """About how many tokens the audio takes; 0 where a text stands in for it."""
        return round(want.duration_s * self.teacher.audio_tokens_per_s) if self.teacher.hears == "audio" else 0

    def text_tokens(self, want: Wanted) -> int:
        """About how many tokens all text takes."""
        prompt = len(self.prompts[want.prompt]) // _LETTERS_PER_TOKEN + _SCHEMA_TOKENS
        if self.teacher.hears == "audio":
            return prompt
        return prompt + _PROSODY_TOKENS + len(want.transcript or "") // _LETTERS_PER_TOKEN
