"""One call to Gemini: the request as the SDK wants it."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx2
from google import genai
from google.genai import errors, types

from tasks.asking.provider import Answer, Question, QuestionRejectedError, TryAgainError
from tasks.asking.reading import answer_schema
from tasks.teachers.gemini_reply import answers_in, reached

if TYPE_CHECKING:
    from tasks.teachers.gemini import GeminiSettings
    from tasks.teachers.simulated import SimulatedSettings

INLINE_BYTES_AT_MOST = 14_000_000  # 20 MB per request in all, and base64 adds a third
_UPLOAD_LOOKS = 60  # a second apart: the server makes a file ready within a few


class GeminiProvider:
    """Keeps `asking.provider.Provider`. Audio beyond the inline limit goes through the Files API, once per clip."""

    def __init__(
        self, asks: GeminiSettings | SimulatedSettings, classes: Sequence[str], key: str, base_url: str | None
    ) -> None:
        self._base_url = base_url
        self._loop: asyncio.AbstractEventLoop | None = None  # whose connections they are
        self._key = key
        self._asks = asks
        self._schema = answer_schema(classes, asks.answer)
        self._uploads: dict[str, asyncio.Task[types.File]] = {}

    async def ask(self, question: Question) -> list[Answer]:
        """See `Provider`."""
        call = self._client.aio.models.generate_content(
            model=self._asks.model, contents=await self.contents(question), config=self.config(question)
        )
        reply = await reached(call, self._key, self._asks.limits.timeout_s, is_paid=True)
        return answers_in(reply)[: len(question.draws)]

    async def close(self) -> None:
        """See `Provider`. Uploaded files are taken away; else the server does it in two days."""
        if self._loop is not asyncio.get_running_loop():
            return
        for upload in self._uploads.values():
            with suppress(errors.APIError, httpx2.TransportError, TryAgainError, QuestionRejectedError):
                await self._client.aio.files.delete(name=(await upload).name or "")
        await self._client.aio.aclose()
        await self._connections.aclose()  # a client that is given to the SDK is not closed by it
        self._loop = None

    @property
    def _client(self) -> genai.Client:
        """Its connections belong to the event loop that opens them, so it is made at the first question in each."""
        if self._loop is not asyncio.get_running_loop():
            self._loop, self._connected = asyncio.get_running_loop(), self._connect()
        return self._connected

    def _connect(self) -> genai.Client:
        # The SDK would take aiohttp where that happens to be installed, whose lost connections have other names. A base
        # URL of ours is a server on this machine: not to be looked for behind the environment's proxy.
        self._connections = httpx2.AsyncClient(trust_env=not self._base_url, follow_redirects=True)
        options = types.HttpOptions(
            base_url=self._base_url,
            timeout=int(self._asks.limits.timeout_s * 1000),
            httpx_async_client=self._connections,
        )
        # vertexai=False: else GOOGLE_GENAI_USE_VERTEXAI, set for other work, sends the key to another service.
        return genai.Client(vertexai=False, api_key=self._key, http_options=options)

    async def contents(self, question: Question) -> types.Content:
        """The audio, then the prompt: as a whole Content, since the SDK tries a list's items on all that it knows.

        That took 0.15 ms of CPU per call.
        """
        if len(question.audio) <= INLINE_BYTES_AT_MOST:
            audio = types.Part.from_bytes(data=question.audio, mime_type=question.mime_type)
        else:
            file = await self._uploaded(question)
            audio = types.Part.from_uri(file_uri=file.uri or "", mime_type=question.mime_type)
        return types.Content(role="user", parts=[audio, types.Part(text=question.prompt)])

    def config(self, question: Question) -> types.GenerateContentConfig:
        """Sampling and the shape of the answer."""
        asks, candidates = self._asks, len(question.draws)
        return types.GenerateContentConfig(
            temperature=asks.temperature,
            seed=None if asks.seed is None else asks.seed + question.draws[0],
            candidate_count=candidates if candidates > 1 else None,
            max_output_tokens=asks.max_output_tokens,
            response_mime_type="application/json",
            response_json_schema=self._schema,
            thinking_config=types.ThinkingConfig(thinking_budget=0) if asks.is_thinking_off else None,
        )

    async def _uploaded(self, question: Question) -> types.File:
        """The same file for all draws of a clip, also when they are asked at the same moment."""
        sha256 = hashlib.sha256(question.audio).hexdigest()
        if sha256 not in self._uploads:
            self._uploads[sha256] = asyncio.create_task(self._upload(question))
        try:
            return await asyncio.shield(self._uploads[sha256])
        except (TryAgainError, QuestionRejectedError):
            self._uploads.pop(sha256, None)
            raise

    async def _upload(self, question: Question) -> types.File:
        files, timeout_s = self._client.aio.files, self._asks.limits.timeout_s
        sending = files.upload(file=io.BytesIO(question.audio), config={"mime_type": question.mime_type})
        try:
            file = await reached(sending, self._key, timeout_s, is_paid=False)
        except KeyError as error:  # the SDK's way to say that the server named no place to send the file to
            raise TryAgainError(f"the file could not be uploaded: {error.args[0]}") from error
        for _ in range(_UPLOAD_LOOKS):
            if file.state is not types.FileState.PROCESSING:
                break
            await asyncio.sleep(1)
            file = await reached(files.get(name=file.name or ""), self._key, timeout_s, is_paid=False)
        if file.state not in (types.FileState.ACTIVE, None):
            raise QuestionRejectedError(f"the uploaded audio is {file.state}, expected ACTIVE", for_all=False)
        return file
