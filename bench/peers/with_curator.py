"""bespokelabs-curator: it knows images and files, no audio; a file with an audio type reaches Gemini through litellm.

One answer per row, so each draw is a row of its own. No schema: curator turns one into a tool call, which is another
question than ours.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# Before the import, which reads them.
os.environ |= {"CURATOR_VIEWER": "0", "CURATOR_DISABLE_RICH_DISPLAY": "1", "TELEMETRY_ENABLED": "false"}

from bespokelabs import curator

from bench.peers.contest import Contest, compete


def ask(contest: Contest) -> int:
    class Judge(curator.LLM):
        def prompt(self, input: dict) -> Any:
            return contest.prompt, curator.types.File(url=input["path"], mime_type="audio/wav")

        def parse(self, input: dict, response: str) -> dict:
            return {"path": input["path"], "draw": input["draw"], **json.loads(response)}

    judge = Judge(
        model_name=f"gemini/{contest.model}",
        backend="litellm",
        backend_params={
            "base_url": f"{contest.url}/v1/models/{contest.model}",
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": contest.in_flight,
        },
        generation_params={"temperature": 0.6, "max_tokens": 1024},
    )
    rows = [{"path": str(path), "draw": draw} for path, draw in contest.questions()]
    return len(judge(rows, working_dir=str(Path(contest.state) / "cache")).dataset)


if __name__ == "__main__":
    compete(ask)
