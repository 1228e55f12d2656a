"""A free teacher for trying things out: starts the loopback LALM and asks it through the real google-genai SDK."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from pydantic import Field

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Provider
from tasks.contracts.errors import SettingsError
from tasks.contracts.settings import OPERATIONAL
from tasks.teachers.paid import PaidTeacherSettings


class SimulatedSettings(PaidTeacherSettings):
    """`kind: simulated`. Judges prosody by fixed rules; a weak teacher, and no substitute for a real model."""

    kind: Literal["simulated"] = "simulated"
    temperature: float = Field(default=0.6, ge=0, le=2)
    seed: int = 0  # draw k is sent seed + k, so that a run can be repeated exactly
    limits: LimitSettings = Field(
        default=LimitSettings(requests_per_minute=None, tokens_per_minute=None, concurrency=16),
        json_schema_extra=OPERATIONAL,
    )

    @property
    def candidates_per_call(self) -> int:
        """A draw per call."""
        return 1

    @property
    def batch(self) -> None:
        """It is free."""

    @property
    def is_thinking_off(self) -> bool:
        """It has no thoughts."""
        return True

    @property
    def model(self) -> str:
        """What the loopback server calls itself."""
        return "simulated-prosody-1"

    @property
    def reads(self) -> tuple[str, ...]:
        """It hears."""
        return ()

    @property
    def max_output_tokens(self) -> int:
        """It writes about 40."""
        return 1024

    def asked(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """See `PaidTeacher`."""
        sampling = {"temperature": self.temperature, "seed": self.seed}
        return self.asked_with(sampling, self.model, classes)

    def check_ready(self, classes: Sequence[str]) -> None:
        """See `PaidTeacher`."""
        from tasks.teachers.loopback.judge import places_of

        try:
            places_of(classes)
        except ValueError as error:
            raise SettingsError(f"kind simulated: {error}") from error

    @contextmanager
    def connect(self, classes: Sequence[str]) -> Iterator[Provider]:
        """See `PaidTeacher`."""
        from tasks.teachers.gemini_provider import GeminiProvider
        from tasks.teachers.loopback.server import running_server

        with running_server() as server:
            yield GeminiProvider(self, classes, key="none-needed", base_url=server.url)
