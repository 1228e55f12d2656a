"""OpenAI, and every server with its way of asking (vLLM with Qwen-Omni, for example), through the official SDK."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from tasks.asking.provider import Provider
from tasks.contracts.errors import KeyMissingError, SettingsError
from tasks.contracts.settings import OPERATIONAL
from tasks.teachers.paid import PaidTeacherSettings

_OPENAI = "https://api.openai.com/v1"
_UNSTRUCTURED = re.compile(r"(^|/)gpt-(4o-|4o-mini-)?audio")  # OpenAI's models for audio refuse `response_format`


def _plain_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        raise ValueError(f'"{url}" is no address; expected one such as http://localhost:8000/v1')
    if "@" in parts.netloc or parts.query:  # an address is logged, a key must not be
        raise ValueError("the address must hold no key; set an environment variable and name it in `api_key_env`")
    return url


def _name_of_a_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):  # not shown: it may be the key itself
        raise ValueError("must be the name of an environment variable such as OPENAI_API_KEY, never the key itself")
    return name


class OpenAISettings(PaidTeacherSettings):
    """`kind: openai`."""

    model_config = ConfigDict(hide_input_in_errors=True)  # it may be a key in the wrong place

    kind: Literal["openai"] = "openai"
    model: str = Field(min_length=1)
    base_url: Annotated[str, AfterValidator(_plain_url)] | None = Field(default=None, json_schema_extra=OPERATIONAL)
    # None: OPENAI_API_KEY at OpenAI, and no key for a server at `base_url`, which has no business with OpenAI's.
    api_key_env: Annotated[str, AfterValidator(_name_of_a_variable)] | None = Field(
        default=None, json_schema_extra=OPERATIONAL
    )
    temperature: float = Field(default=0.6, ge=0, le=2)
    seed: int | None = None  # draw k is sent seed + k; None sends none, as the paper does
    structured: bool | None = None  # is the answer's schema enforced by the server? None: unless it is known to refuse
    max_output_tokens: int = Field(default=1024, ge=1)  # a model that reasons needs more
    audio_tokens_per_s: float = Field(default=10, gt=0, json_schema_extra=OPERATIONAL)
    candidates_per_call: int = Field(default=1, ge=1, le=8, json_schema_extra=OPERATIONAL)

    @property
    def batch(self) -> None:
        """Not built for this kind."""

    @property
    def is_structured(self) -> bool:
        """Otherwise the prompt alone says what the answer must look like."""
        return not _UNSTRUCTURED.search(self.model) if self.structured is None else self.structured

    @property
    def server(self) -> str:
        """Where the calls go. `OPENAI_BASE_URL` redirects them, to `mifuse lalm-server` for example."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or _OPENAI

    @property
    def is_openai(self) -> bool:
        """OpenAI itself, and none of those that speak as it does."""
        host = urlsplit(self.server).hostname or ""
        return host == "openai.com" or host.endswith(".openai.com")

    @property
    def reads(self) -> tuple[str, ...]:
        """It hears."""
        return ()

    def asked(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """See `PaidTeacher`."""
        output = {"max_output_tokens": self.max_output_tokens, "structured": self.is_structured}
        return self.asked_with({"temperature": self.temperature, "seed": self.seed} | output, self.model, classes)

    def check_ready(self, classes: Sequence[str]) -> None:
        """See `PaidTeacher`."""
        try:
            _plain_url(self.server)
        except ValueError as error:
            raise SettingsError(f"{self.model}: OPENAI_BASE_URL: {error}.") from error
        self._key()

    def _key(self) -> str | None:
        name = self.api_key_env or ("OPENAI_API_KEY" if self.is_openai or not self.base_url else None)
        key = os.environ.get(name, "").strip() if name else ""
        if not (key.isascii() and key.isprintable()):  # the HTTP library's own complaint would show the key
            raise KeyMissingError(f"{self.model}: {name} holds characters that no key has, such as a line's end.")
        if not key and (self.is_openai or self.api_key_env):
            raise KeyMissingError(
                f"{self.model}: no API key. Set {name}, or use `kind: simulated` to try without one; a server of your "
                "own that needs no key is named in `base_url`."
            )
        return key or None

    @contextmanager
    def connect(self, classes: Sequence[str]) -> Iterator[Provider]:
        """See `PaidTeacher`."""
        self.check_ready(classes)
        # Imported here: a run whose answers are all kept needs no SDK.
        from tasks.teachers.openai_provider import OpenAIProvider

        yield OpenAIProvider(self, classes, self._key())
