"""One call to OpenAI, or to a server that speaks as it does: the request as the SDK wants it."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai
import soundfile

from tasks.asking.provider import Answer, Question, QuestionRejectedError
from tasks.asking.reading import answer_schema
from tasks.storage.audio import SAMPLE_RATE_HZ, read_audio
from tasks.teachers.openai_errors import lost, meaning
from tasks.teachers.openai_reply import answers_in

if TYPE_CHECKING:
    from tasks.teachers.openai_compatible import OpenAISettings

_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}  # no others are taken
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


class OpenAIProvider:
    """Keeps `asking.provider.Provider`."""

    def __init__(self, asks: OpenAISettings, classes: Sequence[str], key: str | None) -> None:
        # The SDK's connections belong to the event loop that opens them, so the client is made at its first question.
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asks = asks
        self._key = key
        self._sampling = _sampling(asks, classes)

    async def ask(self, question: Question) -> list[Answer]:
        """See `Provider`."""
        data, audio_format = await _sendable(question)
        sound = {"type": "input_audio", "input_audio": {"data": data, "format": audio_format}}
        content: Any = [sound, {"type": "text", "text": question.prompt}]
        client = self._connected()
        try:
            # The raw reply: the SDK's own reading takes a reply of any shape for an answer.
            reply = await client.chat.completions.with_raw_response.create(
                messages=[{"role": "user", "content": content}], **self.request_for(question.draws)
            )
        except openai.APIConnectionError as error:
            raise lost(error, self._asks.limits.timeout_s) from error
        except openai.APIStatusError as error:
            # None: the SDK's error repeats what the server said, and some servers repeat a part of a wrong key.
            raise meaning(error, self._key, len(question.draws)) from None
        return answers_in(reply.content, len(question.draws))

    async def close(self) -> None:
        """See `Provider`."""
        if self._client is not None:
            await self._client.close()

    def request_for(self, draws: tuple[int, ...]) -> dict[str, Any]:
        """All but the message. Of several candidates, the server seeds all but the first."""
        seed = {} if self._asks.seed is None else {"seed": self._asks.seed + draws[0]}
        no_key = {} if self._key else {"extra_headers": {"Authorization": openai.omit}}
        return self._sampling | seed | no_key | ({"n": len(draws)} if len(draws) > 1 else {})

    def _connected(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = self._new_client(), loop
        return self._client

    def _new_client(self) -> openai.AsyncOpenAI:
        is_here = urlsplit(self._asks.server).hostname in _THIS_MACHINE
        return openai.AsyncOpenAI(
            api_key=self._key or "none-needed",
            base_url=self._asks.server,
            timeout=self._asks.limits.timeout_s,
            max_retries=0,
            # A server on this machine is not to be looked for behind the environment's proxy.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if is_here else None,
        )


def _sampling(asks: OpenAISettings, classes: Sequence[str]) -> dict[str, Any]:
    """What is the same in every call."""
    # OpenAI deprecates `max_tokens`; other servers ignore its new name, and would then write (and bill) without end.
    most_tokens = "max_completion_tokens" if asks.is_openai else "max_tokens"
    schema = answer_schema(classes, asks.answer) | {"additionalProperties": False}
    enforced = {"type": "json_schema", "json_schema": {"name": "emotion", "strict": True, "schema": schema}}
    return {
        "model": asks.model,
        "temperature": asks.temperature,
        most_tokens: asks.max_output_tokens,
        "modalities": ["text"],  # a server of an omni model speaks its answer otherwise
        **({"response_format": enforced} if asks.is_structured else {}),
    }


async def _sendable(question: Question) -> tuple[str, str]:
    """The audio in base64 with the name of its format, as WAV if it is neither WAV nor MP3."""
    audio, audio_format = question.audio, _FORMATS.get(question.mime_type)
    if audio_format is None:
        try:
            audio, audio_format = await asyncio.to_thread(_as_wav, audio), "wav"
        except (soundfile.LibsndfileError, ValueError) as error:
            what = str(error).split(": ", 1)[-1].rstrip(".")
            raise QuestionRejectedError(f"the audio cannot be turned into WAV: {what}", for_all=False) from error
    return base64.b64encode(audio).decode(), audio_format


def _as_wav(audio: bytes) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, read_audio(audio), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()
