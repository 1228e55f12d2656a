"""Claude through the official Anthropic SDK. Claude models take no audio: they read a text that stands in for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tasks.asking.provider import Heard, Provider
from tasks.contracts.errors import KeyMissingError
from tasks.contracts.settings import OPERATIONAL
from tasks.teachers.paid import BatchSettings, PaidTeacherSettings
from tasks.teachers.text_proxy import VERSION, About

Thinking = Literal["disabled", "between_tools", "forced", "as it is"]

_KEY = "ANTHROPIC_API_KEY"
_ABOUT: tuple[About, ...] = ("prosody", "transcript")  # in the order in which the text tells of them

# From the models' migration guides. These think by default, which is paid as output; not every one can be stopped, nor
# in the same way. Models that are not here are sent nothing: those up to Opus 4.8 do not think unless they are told to.
_THINKING: dict[str, Thinking] = {
    "claude-haiku-5-5": "disabled",
    "claude-sonnet-5": "disabled",
    "claude-opus-5": "disabled",
    "claude-sonnet-5-5": "between_tools",
}
_ALWAYS_THINK = ("claude-opus-5-5", "claude-fable-", "claude-mythos-")


def _in_order(given: tuple[About, ...]) -> tuple[About, ...]:
    if not given:
        raise ValueError("must name prosody, transcript or both: a Claude model hears nothing")
    return tuple(about for about in _ABOUT if about in given)


def _not_taken(given: Any) -> Any:
    if given is not None:
        raise ValueError("Claude models take none, and their draws differ without it. Take this line away")
    return given


_NotTaken = Annotated[None, BeforeValidator(_not_taken)]


class AnthropicSettings(PaidTeacherSettings):
    """`kind: anthropic`."""

    kind: Literal["anthropic"] = "anthropic"
    model: str = Field(default="claude-haiku-5-5", min_length=1)
    reads: Annotated[tuple[About, ...], AfterValidator(_in_order)] = ("prosody",)  # what the text tells of a clip
    max_output_tokens: int = Field(default=1024, ge=1)  # thoughts count: 8192 where a model cannot be kept from them
    temperature: _NotTaken = Field(default=None, json_schema_extra=OPERATIONAL)
    seed: _NotTaken = Field(default=None, json_schema_extra=OPERATIONAL)

    batch: BatchSettings | None = Field(default=None, json_schema_extra=OPERATIONAL)

    usual_prompts: ClassVar[dict[str, str]] = {"distribution": "text-v1", "label": "text-label-v1"}

    @model_validator(mode="before")
    @classmethod
    def _room_for_thoughts(cls, given: Any) -> Any:
        thinks = isinstance(given, dict) and str(given.get("model", "")).startswith(_ALWAYS_THINK)
        return {"max_output_tokens": 8192} | given if thinks else given

    @property
    def hears(self) -> Heard:
        """It reads."""
        return "text proxy"

    @property
    def candidates_per_call(self) -> int:
        """There is no way to ask for more."""
        return 1

    @property
    def thinking(self) -> Thinking:
        """How the model is kept from thinking, where it can be: the question is a short one."""
        if self.model.startswith(_ALWAYS_THINK):
            return "forced"
        return _THINKING.get(self.model, "as it is")

    @property
    def usual_output_tokens(self) -> int:
        """Thoughts are a guess."""
        return 800 if self.thinking == "forced" else 40

    def asked(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """See `PaidTeacher`."""
        sampling = {"max_output_tokens": self.max_output_tokens, "thinking": self.thinking}
        proxy = {"proxy": {"reads": list(self.reads), "version": VERSION}}
        return self.asked_with(sampling | proxy, self.model, classes)

    def check_ready(self, classes: Sequence[str]) -> None:
        """See `PaidTeacher`."""
        self._key()

    def _key(self) -> str:
        key = os.environ.get(_KEY, "").strip()
        if not (key.isascii() and key.isprintable()):  # the HTTP library's own complaint would show the key
            raise KeyMissingError(f"{self.model}: {_KEY} holds characters that no key has, such as a line's end.")
        if not key:
            raise KeyMissingError(f"{self.model}: no API key. Set {_KEY}, or use `kind: simulated` to try without one.")
        return key

    @contextmanager
    def connect(self, classes: Sequence[str]) -> Iterator[Provider]:
        """See `PaidTeacher`. `ANTHROPIC_BASE_URL` redirects the calls, to `mifuse lalm-server` for example."""
        key = self._key()
        # Imported here: the SDK takes more than a second, and a run whose answers are all kept needs none of it.
        from tasks.teachers.anthropic_provider import AnthropicProvider

        yield AnthropicProvider(self, classes, key)
