"""What every paid teacher has in `pipelines.yaml`, and the promise that its settings make to the stage that asks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Heard, Provider
from tasks.asking.reading import AnswerKind, answer_schema
from tasks.contracts.class_map import Labels
from tasks.contracts.settings import OPERATIONAL, Settings
from tasks.teachers.prompts import PromptName, prompt_text


def _as_list(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


class AdaptiveDraws(Settings):
    """`draws: {min: 2, max: 5, stop: 0.1}`: more draws only where they can still change the fused label."""

    min: int = Field(default=2, ge=2, le=64)
    max: int = Field(default=5, ge=2, le=64)
    stop: float = Field(default=0.1, gt=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> AdaptiveDraws:
        if self.min > self.max:
            raise ValueError(f"min must be at most max, got {self.min} and {self.max}")
        return self


class BatchSettings(Settings):
    """`batch: {deadline_h: 24}`: half the price, later; what has not arrived by the deadline is asked online."""

    deadline_h: float = Field(default=24, gt=0)
    poll_s: float = Field(default=30, gt=0)


class PaidTeacherSettings(Settings):
    """A model behind an API, asked `draws` times per clip. `prompt` may name several: the draws take turns."""

    draws: Annotated[
        Annotated[int, Field(ge=1, le=64), Tag("a number")] | Annotated[AdaptiveDraws, Tag("a range")],
        Discriminator(lambda given: "a range" if isinstance(given, dict | AdaptiveDraws) else "a number"),
    ] = 5
    answer: AnswerKind = "distribution"
    prompt: Annotated[tuple[PromptName, ...], BeforeValidator(_as_list), Field(min_length=1)] = ("emotion-v1",)
    synonyms: dict[str, str] = Field(default={})  # what the model says → what it is asked about, as in {joyful: happy}
    labels: Labels = Field(default={})  # what it is asked about, and what that means: see `docs/classes.md`
    lacks: list[str] = Field(default=[])  # classes of the pipeline that it is not asked about
    min_answered: float = Field(default=0.9, ge=0, le=1, json_schema_extra=OPERATIONAL)
    limits: LimitSettings = Field(default=LimitSettings(), json_schema_extra=OPERATIONAL)
    max_cost_usd: float | None = Field(default=None, gt=0, json_schema_extra=OPERATIONAL)
    max_cost_usd_per_month: float | None = Field(default=None, gt=0, json_schema_extra=OPERATIONAL)
    # For estimates before the first usage comes back. Gemini's older pages say 32, its newer ones 25.
    audio_tokens_per_s: float = Field(default=32, gt=0, json_schema_extra=OPERATIONAL)

    # The prompt for each kind of answer, where none is given.
    usual_prompts: ClassVar[dict[str, str]] = {"distribution": "emotion-v1", "label": "label-v1"}

    @model_validator(mode="before")
    @classmethod
    def _usual_prompt(cls, given: Any) -> Any:
        answer = given.get("answer", "distribution") if isinstance(given, dict) else None
        return {"prompt": cls.usual_prompts[answer]} | given if answer in cls.usual_prompts else given

    @property
    def least_draws(self) -> int:
        """Of every clip."""
        return self.draws.min if isinstance(self.draws, AdaptiveDraws) else self.draws

    @property
    def most_draws(self) -> int:
        """Of any clip."""
        return self.draws.max if isinstance(self.draws, AdaptiveDraws) else self.draws

    @property
    def usual_output_tokens(self) -> int:
        """Of one answer, for estimates; models that think take many more."""
        return 40

    @property
    def hears(self) -> Heard:
        """Whether it hears the audio or reads a text about it."""
        return "audio"

    @property
    def quota_day(self) -> str:
        """The time zone whose midnight renews a daily quota."""
        return "UTC"

    def asks_about(self, classes: Sequence[str]) -> list[str]:
        """The names that it chooses among: its own labels, or the pipeline's classes less those that it lacks."""
        return list(self.labels) or [name for name in classes if name not in self.lacks]

    def check_asked(self, classes: Sequence[str]) -> None:
        """Raises what would keep the teacher from being asked for a pipeline of these classes; see `PaidTeacher`."""
        self.check_ready(self.asks_about(classes))  # type: ignore[attr-defined]  # each kind of teacher has it

    def asked_with(self, sampling: dict[str, Any], model: str, classes: Sequence[str]) -> list[dict[str, Any]]:
        """The part of the key that all paid teachers build alike: one per prompt."""
        kind = self.kind  # type: ignore[attr-defined]  # each kind of teacher has it
        schema = answer_schema(classes, self.answer)
        prompts = [prompt_text(prompt, classes) for prompt in self.prompt]
        return [{"kind": kind, "model": model, **sampling, "prompt": text, "schema": schema} for text in prompts]


class PaidTeacher(Protocol):
    """What the stage `query_lalm` relies on."""

    @property
    def kind(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def draws(self) -> int | AdaptiveDraws: ...
    @property
    def usual_output_tokens(self) -> int: ...
    @property
    def least_draws(self) -> int: ...
    @property
    def most_draws(self) -> int: ...
    @property
    def prompt(self) -> tuple[str, ...]: ...
    @property
    def answer(self) -> AnswerKind: ...
    @property
    def synonyms(self) -> dict[str, str]: ...
    @property
    def labels(self) -> Labels: ...
    @property
    def lacks(self) -> list[str]: ...
    @property
    def hears(self) -> Heard: ...
    @property
    def reads(self) -> tuple[str, ...]: ...
    @property
    def quota_day(self) -> str: ...
    @property
    def candidates_per_call(self) -> int: ...
    @property
    def batch(self) -> BatchSettings | None: ...
    @property
    def min_answered(self) -> float: ...
    @property
    def limits(self) -> LimitSettings: ...
    @property
    def max_cost_usd(self) -> float | None: ...
    @property
    def max_cost_usd_per_month(self) -> float | None: ...
    @property
    def audio_tokens_per_s(self) -> float: ...
    @property
    def max_output_tokens(self) -> int: ...

    def asks_about(self, classes: Sequence[str]) -> list[str]:
        """The names that it chooses among, of a pipeline's classes; the other methods are given these."""

    def asked(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """What decides an answer, besides the audio and the number of the draw: a part of its key. One per prompt.

        Draw k is asked with prompt k modulo their number.
        """

    def check_ready(self, classes: Sequence[str]) -> None:
        """Raises what would keep the teacher from being asked: KeyMissingError, SettingsError."""

    def connect(self, classes: Sequence[str]) -> AbstractContextManager[Provider]:
        """A provider that is ready to be asked; raises as `check_ready` does."""
