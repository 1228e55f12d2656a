"""mifuse beside other tools that ask models: how fast, and how many calls are made when little has changed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import click

from bench.arena import Arena, Told, open_arena
from bench.tables import Table


@dataclass(frozen=True)
class Peer:
    """`module` of bench.peers; `packages` for its own virtual environment (none: ours); what its figures need told."""

    module: str
    packages: tuple[str, ...] = ()
    note: str = ""


PEERS = {
    "mifuse": Peer("with_mifuse"),
    "inspect-ai": Peer(
        "with_inspect_ai",
        ("inspect-ai==0.3.285", "openai"),
        "OpenAI's wire format with inline audio; with Gemini it uploads every clip by the Files API. Draws are epochs.",
    ),
    "litellm": Peer(
        "with_litellm",
        ("litellm[caching]==1.109.1", "fastapi", "orjson", "soundfile"),
        "equal draws share one cached answer, so each has a seed here; a cached one needs fastapi, orjson, soundfile.",
    ),
    "bespokelabs-curator": Peer(
        "with_curator",
        ("bespokelabs-curator==0.1.31",),
        "no audio type (sent as a file), no draws (one row each), no schema (it becomes a tool call); each "
        "run begins with a call of its own to ask for rate limits.",
    ),
}


def install(envs: Path) -> None:
    """A virtual environment for each peer that has none yet."""
    for name, peer in PEERS.items():
        if peer.packages and not _python(envs, name).exists():
            click.echo(f"installing {', '.join(peer.packages)} into {envs / name}")
            subprocess.run([sys.executable, "-m", "venv", str(envs / name)], check=True)
            subprocess.run([str(_python(envs, name)), "-m", "pip", "install", "-q", *peer.packages], check=True)


def compare(folder: Path, envs: Path, clips: int, draws: int) -> Table:
    """Every peer that is installed."""
    table = Table(
        f"{clips * draws:,} draws of {clips:,} clips of 128 kB, 64 in flight, answers after 50 ms",
        [
            "",
            "draws/s",
            "CPU s",
            "peak MB",
            "kB/call",
            "again: s",
            "again: calls",
            "one clip more: calls",
            "N + 2: calls",
        ],
    )
    with open_arena(folder) as arena:
        for name, peer in PEERS.items():
            python = _python(envs, name) if peer.packages else Path(sys.executable)
            if not python.exists():
                table.notes.append(f"- {name}: not installed; `python -m bench.asking --install --envs {envs}` does it")
                continue
            click.echo(f"  {name}")
            table.rows.append([name, *_row(arena, folder, peer, python, clips, draws)])
            table.notes += [f"- {name}: {peer.note}"] if peer.note else []
    table.notes.append(f"- for {clips:,} clips, the least calls are 0, {draws} and {2 * (clips + 1):,}")
    table.notes.append("- Times are without the import of the tool itself.")
    return table


def _python(envs: Path, name: str) -> Path:
    return envs / name / "bin" / "python"


def _row(arena: Arena, folder: Path, peer: Peer, python: Path, clips: int, draws: int) -> list[str]:
    with tempfile.TemporaryDirectory(dir=folder) as state:
        contest = arena.contest(Path(state), clips, draws)
        try:
            first, again = arena.run(peer.module, contest, python), arena.run(peer.module, contest, python)
            more_clips = arena.contest(Path(state), clips + 1, draws)
            one_more = arena.run(peer.module, more_clips, python)
            two_draws = arena.run(peer.module, replace(more_clips, draws=draws + 2), python)
        except click.ClickException as error:
            click.echo(error.message)
            return ["failed", *[""] * 7]
    figures = [f"{first.answers / first.wall_s:.0f}", f"{first.cpu_s:.1f}", f"{first.peak_mb:.0f}", f"{_kb(first):.0f}"]
    return [*figures, f"{again.wall_s:.1f}", *(f"{told.calls:,}" for told in (again, one_more, two_draws))]


def _kb(told: Told) -> float:
    return mean(size for *_, size in told.seen) / 1e3 if told.seen else 0.0
