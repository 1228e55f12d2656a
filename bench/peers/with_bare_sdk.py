"""The yardstick: a bare loop over the official google-genai SDK. No limits, no retries, nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.peers.contest import Contest, compete

if TYPE_CHECKING:
    from google import genai
    from google.genai import types


def ask(contest: Contest) -> int:
    return len(asyncio.run(_ask_all(contest)))


async def _ask_all(contest: Contest) -> list[str]:
    from google import genai
    from google.genai import types

    client = genai.Client(vertexai=False, http_options=types.HttpOptions(timeout=120_000))
    config = types.GenerateContentConfig(  # as mifuse asks
        temperature=0.6,
        max_output_tokens=1024,
        response_mime_type="application/json",
        response_json_schema=contest.schema,
        thinking_config=types.ThinkingConfig(thinking_budget=0),
    )
    questions, texts = contest.questions(), list[str]()
    async with asyncio.TaskGroup() as workers:
        for _ in range(contest.in_flight):
            workers.create_task(_work(client, config, contest, questions, texts))
    await client.aio.aclose()
    return texts


async def _work(
    client: genai.Client,
    config: types.GenerateContentConfig,
    contest: Contest,
    questions: Iterator[tuple[Path, int]],
    texts: list[str],
) -> None:
    from google.genai import types

    for path, _ in questions:
        audio = types.Part.from_bytes(data=path.read_bytes(), mime_type="audio/wav")
        contents: Any = [audio, contest.prompt]
        reply = await client.aio.models.generate_content(model=contest.model, contents=contents, config=config)
        texts.append(reply.text or "")


if __name__ == "__main__":
    compete(ask)
