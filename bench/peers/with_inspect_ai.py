"""inspect-ai: one sample per clip, draws as epochs, its answer cache on.

Its OpenAI provider is used, which sends audio inline. Its Google provider uploads every clip through the Files API.
"""

from __future__ import annotations

import os
from pathlib import Path

from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentAudio, ContentText, ResponseSchema
from inspect_ai.solver import generate
from inspect_ai.util import JSONSchema

from bench.peers.contest import Contest, compete


def ask(contest: Contest) -> int:
    os.environ["INSPECT_CACHE_DIR"] = str(Path(contest.state) / "cache")
    schema = ResponseSchema(name="emotion", json_schema=JSONSchema.model_validate(contest.schema))
    (log,) = eval(
        Task(_dataset(contest), solver=generate(cache=True), epochs=Epochs(contest.draws)),
        model="openai/gpt-4o-audio-preview",
        model_base_url=f"{contest.url}/v1",
        temperature=0.6,
        max_tokens=1024,
        max_connections=contest.in_flight,
        response_schema=schema,
        max_samples=contest.in_flight,
        log_dir=str(Path(contest.state) / "logs"),
        log_images=False,
        display="none",
        score=False,
    )
    if log.status != "success":
        raise RuntimeError(f"inspect-ai ended as {log.status}: {log.error}")
    return sum(bool(sample.output.completion) for sample in log.samples or [])


def _dataset(contest: Contest) -> MemoryDataset:
    return MemoryDataset(
        [
            Sample(
                id=path.stem,
                input=[
                    ChatMessageUser(
                        content=[ContentAudio(audio=str(path), format="wav"), ContentText(text=contest.prompt)]
                    )
                ],
            )
            for path in contest.paths()
        ]
    )


if __name__ == "__main__":
    compete(ask)
