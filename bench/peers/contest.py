"""What every contestant is given and must tell: it asks, and a file says how long it took. Standard library only."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Contest:
    """So many draws for each clip of a folder, from a server. What is to be kept between runs goes to `state`."""

    url: str
    clips: str
    clips_table: str
    state: str
    draws: int
    in_flight: int
    model: str
    prompt: str
    classes: list[str]
    schema: dict[str, Any]
    requests_per_minute: float | None = None

    def paths(self) -> list[Path]:
        """The clips, in order of their names."""
        return sorted(Path(self.clips).glob("*.wav"))

    def questions(self) -> Iterator[tuple[Path, int]]:
        """Each draw of each clip."""
        return ((path, draw) for path in self.paths() for draw in range(self.draws))


def compete(ask: Callable[[Contest], int]) -> None:
    """`python -m bench.peers.NAME CONTEST.json RESULT.json`. `ask` returns how many answers it holds in the end."""
    contest = Contest(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    os.environ["GEMINI_API_KEY"] = os.environ["OPENAI_API_KEY"] = "none-needed"  # the server on this machine takes any
    os.environ["GOOGLE_GEMINI_BASE_URL"] = contest.url
    started, cpu_before_s = time.perf_counter(), _cpu_s()
    answers = ask(contest)
    wall_s, cpu_s = time.perf_counter() - started, _cpu_s()
    told = {"answers": answers, "wall_s": wall_s, "cpu_s": cpu_s - cpu_before_s, "process_cpu_s": cpu_s}
    Path(sys.argv[2]).write_text(json.dumps(told | {"peak_mb": _peak_mb()}), encoding="utf-8")


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb() -> float:
    """Of resident memory. `ru_maxrss` is what macOS has; on Linux it would count the memory of who started us."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))
