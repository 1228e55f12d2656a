"""The connection to Anthropic's server: what every request holds, and every failure as the engine wants it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anthropic
import httpx2

from tasks.asking.provider import Question, QuestionRejectedError, TryAgainError
from tasks.asking.reading import answer_schema
from tasks.asking.told import told
from tasks.teachers.anthropic_errors import lost, meaning

if TYPE_CHECKING:
    from tasks.teachers.anthropic_proxy import AnthropicSettings

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


class Connection:
    """One account's, opened by the first request."""

    def __init__(self, asks: AnthropicSettings, classes: Sequence[str], key: str, base_url: str | None) -> None:
        # The SDK's connections belong to the event loop that opens them, so the client is made at the first question.
        self._client: anthropic.AsyncAnthropic | None = None
        self._base_url = base_url or os.environ.get("ANTHROPIC_BASE_URL", "").strip() or None
        self._timeout_s = asks.limits.timeout_s
        self._same = _same(asks, classes)
        self.key = key

    @property
    def client(self) -> anthropic.AsyncAnthropic:
        """The SDK's, with its own retries off."""
        if self._client is None:
            is_here = urlsplit(self._base_url or "").hostname in _THIS_MACHINE
            self._client = anthropic.AsyncAnthropic(
                api_key=self.key,
                base_url=self._base_url,
                timeout=self._timeout_s,
                max_retries=0,
                http_client=_without_proxy() if is_here else None,
            )
        return self._client

    async def close(self) -> None:
        """Lets go of it."""
        if self._client is not None:
            await self._client.close()

    def request(self, question: Question) -> dict[str, Any]:
        """The text about the clip, then the prompt.

        Raises:
            QuestionRejectedError: It is audio. The SDK would send it, and the server would refuse it.
        """
        if question.audio or not question.text:
            what = "audio" if question.audio else "neither audio nor text"
            raise QuestionRejectedError(
                f"Claude models hear nothing and read a text about the clip; the question holds {what}", for_all=True
            )
        blocks = [{"type": "text", "text": text} for text in (question.text, question.prompt)]
        return self._same | {"messages": [{"role": "user", "content": blocks}]}

    @contextmanager
    def failures(self, timeout_s: float | None = None, *, costs: bool = True) -> Iterator[None]:
        """Within it, the SDK's errors become the engine's.

        Args:
            timeout_s: Of the request, where it is not the usual one.
            costs: Whether a request may be paid whose reply got lost.
        """
        try:
            yield
        except anthropic.APIConnectionError as error:
            raise lost(error, timeout_s or self._timeout_s, costs=costs) from error
        except anthropic.APIStatusError as error:
            # None: the SDK's error repeats what the server said, which may be a part of a wrong key.
            raise meaning(error, self.key) from None
        except anthropic.AnthropicError as error:  # such as results that are not there yet
            raise TryAgainError(told(str(error), self.key)) from None


def _without_proxy() -> httpx2.AsyncClient:
    """For a server on this machine, which is not to be looked for behind the environment's proxy.

    The SDK's own client would look there even if it is told not to trust the environment.
    """
    return httpx2.AsyncClient(trust_env=False, limits=anthropic.DEFAULT_CONNECTION_LIMITS)


def _same(asks: AnthropicSettings, classes: Sequence[str]) -> dict[str, Any]:
    """What is the same in every request."""
    schema = answer_schema(classes, asks.answer) | {"additionalProperties": False}
    output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
    if asks.thinking == "forced":
        output["effort"] = "low"
    switch = {"thinking": {"type": asks.thinking}} if asks.thinking in ("disabled", "between_tools") else {}
    return {"model": asks.model, "max_tokens": asks.max_output_tokens, "output_config": output, **switch}
