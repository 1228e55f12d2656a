"""One call to Gemini: the request as the SDK wants it, the answer and every failure as the engine wants them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx2
from google import genai
from google.genai import errors, types

from tasks.asking.provider import Answer, DailyQuotaError, Question, QuestionRejectedError, TryAgainError
from tasks.asking.reading import answer_schema

if TYPE_CHECKING:
    from tasks.teachers.gemini import GeminiSettings
    from tasks.teachers.simulated import SimulatedSettings

_INLINE_BYTES_AT_MOST = 14_000_000  # 20 MB per request in all, and base64 adds a third
_FINISHED = {"STOP", "MAX_TOKENS"}
_TOLD_AT_MOST = 300


class GeminiProvider:
    """Keeps `asking.provider.Provider`."""

    def __init__(
        self, asks: GeminiSettings | SimulatedSettings, classes: Sequence[str], key: str, base_url: str | None
    ) -> None:
        # The SDK's connections belong to the event loop that opens them, so the client is made at the first question.
        self._options = types.HttpOptions(
            base_url=base_url,
            timeout=int(asks.limits.timeout_s * 1000),
            # A base URL of ours is a server on this machine: not to be looked for behind the environment's proxy.
            async_client_args={"trust_env": False} if base_url else None,
        )
        self._key = key
        self._client: genai.Client | None = None
        self._asks = asks
        self._schema = answer_schema(classes, asks.answer)

    async def ask(self, question: Question) -> list[Answer]:
        """See `Provider`."""
        if len(question.audio) > _INLINE_BYTES_AT_MOST:
            size_mb = len(question.audio) / 1e6
            raise QuestionRejectedError(f"the audio has {size_mb:.0f} MB; 14 MB can be sent inline", for_all=False)
        # vertexai=False: else GOOGLE_GENAI_USE_VERTEXAI, set for other work, sends the key to another service.
        self._client = self._client or genai.Client(vertexai=False, api_key=self._key, http_options=self._options)
        contents: Any = [types.Part.from_bytes(data=question.audio, mime_type=question.mime_type), question.prompt]
        try:
            reply = await self._client.aio.models.generate_content(
                model=self._asks.model, contents=contents, config=self._config(question.draws[0])
            )
        except errors.APIError as error:
            raise _meaning(error) from error
        except httpx2.TimeoutException as error:
            raise TryAgainError(f"no answer within {self._asks.limits.timeout_s:g} s", may_be_paid=True) from error
        except (httpx2.TransportError, OSError) as error:
            is_sent = not isinstance(error, httpx2.ConnectError)
            raise TryAgainError(f"{type(error).__name__}: {error}".rstrip(": "), may_be_paid=is_sent) from error
        except ValueError as error:  # a body that is cut off or no JSON
            raise TryAgainError(f"the reply could not be read: {error}", may_be_paid=True) from error
        return [_answer(reply)]

    async def close(self) -> None:
        """See `Provider`."""
        if self._client is not None:
            await self._client.aio.aclose()

    def _config(self, draw: int) -> types.GenerateContentConfig:
        asks = self._asks
        return types.GenerateContentConfig(
            temperature=asks.temperature,
            seed=None if asks.seed is None else asks.seed + draw,
            max_output_tokens=asks.max_output_tokens,
            response_mime_type="application/json",
            response_json_schema=self._schema,
            thinking_config=types.ThinkingConfig(thinking_budget=0) if asks.is_thinking_off else None,
        )


def _answer(reply: types.GenerateContentResponse) -> Answer:
    candidate = reply.candidates[0] if reply.candidates else None
    if not (candidate or reply.prompt_feedback or reply.usage_metadata):  # a broken proxy's 200
        raise TryAgainError("the reply holds neither an answer nor a reason")
    parts = (candidate.content.parts or []) if candidate and candidate.content else []
    usage = reply.usage_metadata or types.GenerateContentResponseUsageMetadata()
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return Answer(
        # JSON can hold half a character, where an answer was cut; no file can.
        text="".join(part.text or "" for part in parts if not part.thought).encode("utf-8", "replace").decode(),
        refusal=_refusal(reply, candidate),
        model_version=reply.model_version,
        input_tokens=usage.prompt_token_count,
        output_tokens=output if reply.usage_metadata else None,
    )


def _refusal(reply: types.GenerateContentResponse, candidate: types.Candidate | None) -> str | None:
    if candidate is None:
        blocked = reply.prompt_feedback.block_reason if reply.prompt_feedback else None
        return f"blocked: {blocked.value if blocked else 'no candidate'}"
    reason = candidate.finish_reason.value if candidate.finish_reason else "STOP"
    return None if reason in _FINISHED else f"finish_reason {reason}"


def _meaning(error: errors.APIError) -> Exception:
    """Which of the engine's three errors this is."""
    details = _details(error)
    told = " ".join(f"{error.code} {error.status or ''} {error.message or ''}".split()).rstrip(".")
    text = told if len(told) <= _TOLD_AT_MOST else f"{told[:_TOLD_AT_MOST]}…"  # a proxy's error can be a whole page
    if error.code == 429:
        quotas = str([detail.get("violations") for detail in details])
        if "PerDay" in quotas:
            return DailyQuotaError(text)
        return TryAgainError(text, _asked_wait_s(details, error), limited=True)
    if error.code >= 500 or error.code == 408:
        return TryAgainError(text, _asked_wait_s(details, error))
    return QuestionRejectedError(text, for_all=error.code in (401, 403, 404) or "API key" in text)


def _details(error: errors.APIError) -> list[dict[str, Any]]:
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error", body)
    details = (inner.get("details") or []) if isinstance(inner, dict) else []
    return [detail for detail in details if isinstance(detail, dict)]


def _asked_wait_s(details: list[dict[str, Any]], error: errors.APIError) -> float | None:
    """Gemini puts the wait into the body ("45.8s"); proxies put it into a header."""
    for detail in details:
        if seconds := re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay", ""))):
            return float(seconds[1])
    headers = getattr(error.response, "headers", None) or {}
    after = str(headers.get("Retry-After", ""))
    return float(after) if re.fullmatch(r"\d+(?:\.\d+)?", after) else None
