"""Gemini through the official google-genai SDK, with its own retries off."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from pydantic import Field

from tasks.asking.provider import Provider
from tasks.contracts.errors import KeyMissingError
from tasks.contracts.settings import OPERATIONAL
from tasks.teachers.paid import BatchSettings, PaidTeacherSettings

_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


class GeminiSettings(PaidTeacherSettings):
    """`kind: gemini`."""

    kind: Literal["gemini"] = "gemini"
    model: str = "gemini-2.5-flash"
    temperature: float = Field(default=0.6, ge=0, le=2)
    seed: int | None = None  # draw k is sent seed + k; None sends none, as the paper does
    # Draws that one call asks for; the clip is then paid once per call. Gemini 2.5 allows 8, later models 1.
    candidates_per_call: int = Field(default=1, ge=1, le=8, json_schema_extra=OPERATIONAL)

    batch: BatchSettings | None = Field(default=None, json_schema_extra=OPERATIONAL)

    @property
    def quota_day(self) -> str:
        """Google renews daily quotas at midnight there."""
        return "America/Los_Angeles"

    @property
    def is_thinking_off(self) -> bool:
        """2.5 Flash thinks by default, which is paid as output and which the question does not need.

        Other models differ in what they allow, so they keep their own default.
        """
        return self.model.startswith("gemini-2.5-flash")

    @property
    def usual_output_tokens(self) -> int:
        """Thoughts are a guess."""
        return 40 if self.is_thinking_off else 800

    @property
    def max_output_tokens(self) -> int:
        """Thoughts count as output: a model that thinks would be cut off before its answer."""
        return 1024 if self.is_thinking_off else 8192

    @property
    def reads(self) -> tuple[str, ...]:
        """It hears."""
        return ()

    def asked(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """See `PaidTeacher`."""
        output = {"max_output_tokens": self.max_output_tokens, "thinking": "off" if self.is_thinking_off else "default"}
        sampling = {"temperature": self.temperature, "seed": self.seed} | output
        return self.asked_with(sampling, self.model, classes)

    def check_ready(self, classes: Sequence[str]) -> None:
        """See `PaidTeacher`."""
        self._key()

    def _key(self) -> str:
        key = next((key for name in _KEYS if (key := os.environ.get(name, "").strip())), None)
        if key and not (key.isascii() and key.isprintable()):  # the HTTP library's own complaint would show the key
            raise KeyMissingError(f"{self.model}: the API key holds characters that no key has, such as a line's end.")
        if key is None:
            raise KeyMissingError(
                f"{self.model}: no API key. Set {' or '.join(_KEYS)}, or use `kind: simulated` to try without one."
            )
        return key

    @contextmanager
    def connect(self, classes: Sequence[str]) -> Iterator[Provider]:
        """See `PaidTeacher`. `GOOGLE_GEMINI_BASE_URL` redirects the calls, to `mifuse lalm-server` for example."""
        key = self._key()
        # Imported here: the SDK takes half a second, and a run whose answers are all kept needs none of it.
        from tasks.teachers.gemini_batches import GeminiBatchProvider

        yield GeminiBatchProvider(self, classes, key, base_url=None)
