"""litellm with its disk cache. Draws of one prompt share one answer unless they differ: here, by the seed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm

from bench.peers.contest import Contest, compete


def ask(contest: Contest) -> int:
    litellm.cache = litellm.Cache(type="disk", disk_cache_dir=str(Path(contest.state) / "cache"))
    litellm.suppress_debug_info = True
    return asyncio.run(_ask_all(contest))


async def _ask_all(contest: Contest) -> int:
    questions, texts = contest.questions(), list[str]()
    async with asyncio.TaskGroup() as workers:
        for _ in range(contest.in_flight):
            workers.create_task(_work(contest, questions, texts))
    return len(texts)


async def _work(contest: Contest, questions: Iterator[tuple[Path, int]], texts: list[str]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "emotion", "schema": contest.schema}}
    for path, draw in questions:
        reply = await litellm.acompletion(
            model=f"gemini/{contest.model}",
            api_base=f"{contest.url}/v1/models/{contest.model}",
            messages=_messages(contest, path),
            response_format=form,
            temperature=0.6,
            max_tokens=1024,
            seed=draw,
            caching=True,
        )
        texts.append(reply.choices[0].message.content)


def _messages(contest: Contest, path: Path) -> list[dict[str, Any]]:
    audio = {"data": base64.b64encode(path.read_bytes()).decode(), "format": "wav"}
    parts = [{"type": "input_audio", "input_audio": audio}, {"type": "text", "text": contest.prompt}]
    return [{"role": "user", "content": parts}]


if __name__ == "__main__":
    compete(ask)
