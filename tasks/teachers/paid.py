"""What every paid teacher has in `pipelines.yaml`, and the promise that its settings make to the stage that asks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Provider
from tasks.asking.reading import answer_schema
from tasks.contracts.settings import OPERATIONAL, Settings
from tasks.teachers.prompts import prompt_text


def _shipped_prompt(prompt_id: str) -> str:
    prompt_text(prompt_id, ["any"])
    return prompt_id


class PaidTeacherSettings(Settings):
    """A model behind an API, asked `draws` times per clip."""

    draws: int = Field(default=5, ge=1, le=64)
    temperature: float = Field(default=0.6, ge=0, le=2)
    prompt: Annotated[str, AfterValidator(_shipped_prompt)] = "emotion-v1"
    min_answered: float = Field(default=0.9, ge=0, le=1, json_schema_extra=OPERATIONAL)
    limits: LimitSettings = Field(default=LimitSettings(), json_schema_extra=OPERATIONAL)
    max_cost_usd: float | None = Field(default=None, gt=0, json_schema_extra=OPERATIONAL)

    @property
    def max_output_tokens(self) -> int:
        """The limit of each call, and what its cost is reserved for; an answer takes about 40."""
        return 1024


class PaidTeacher(Protocol):
    """What the stage `query_lalm` relies on."""

    @property
    def model(self) -> str: ...
    @property
    def draws(self) -> int: ...
    @property
    def prompt(self) -> str: ...
    @property
    def min_answered(self) -> float: ...
    @property
    def limits(self) -> LimitSettings: ...
    @property
    def max_cost_usd(self) -> float | None: ...
    @property
    def max_output_tokens(self) -> int: ...

    def asked(self, classes: Sequence[str]) -> dict[str, Any]:
        """Everything that decides an answer, besides the audio and the number of the draw: a part of its key."""

    def check_ready(self, classes: Sequence[str]) -> None:
        """Raises what would keep the teacher from being asked: KeyMissingError, SettingsError."""

    def connect(self, classes: Sequence[str]) -> AbstractContextManager[Provider]:
        """A provider that is ready to be asked; raises as `check_ready` does."""


def what_is_asked(
    kind: str, model: str, sampling: dict[str, Any], prompt_id: str, classes: Sequence[str]
) -> dict[str, Any]:
    """The part of the key that all paid teachers build alike."""
    return {
        "kind": kind,
        "model": model,
        **sampling,
        "prompt": prompt_text(prompt_id, classes),
        "schema": answer_schema(classes),
    }
