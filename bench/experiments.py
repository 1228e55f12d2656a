"""What `bench.asking` measures of mifuse itself: speed beside the bare SDK, memory, stored answers, quotas."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.arena import Arena, Told, open_arena
from bench.tables import Table, verdict

_BARE, _OURS = "with_bare_sdk", "with_mifuse"
_SERVER_PER_MINUTE = 1200
_SETTLED_S = 15  # from the first call: how long finding the server's own limit may take
_TINY_KB = 10  # 0.3 s of speech, the shortest that mifuse takes


def speed(folder: Path, clips: int, draws: int, repeats: int) -> Table:
    """Alternating runs, so that a busy moment of the machine meets both."""
    told: dict[str, list[Told]] = {_BARE: [], _OURS: []}
    with open_arena(folder) as arena:
        for name in told:  # compiles, and fills the system's file cache
            _once(arena, name, folder, clips=20, draws=2)
        for _ in range(repeats):
            for name in told:
                told[name].append(_once(arena, name, folder, clips=clips, draws=draws))
    table = Table(
        f"{clips * draws:,} draws of {clips:,} clips of 128 kB, 64 in flight, answers after 50 ms; median of {repeats}",
        ["", "draws/s", "CPU s", "CPU s with imports", "peak MB", "kB/call"],
        [[label, *_figures(told[name])] for label, name in (("bare google-genai loop", _BARE), ("mifuse", _OURS))],
    )
    pairs = list(zip(told[_OURS], told[_BARE], strict=True))
    throughput = median((ours.answers / ours.wall_s) / (bare.answers / bare.wall_s) for ours, bare in pairs)
    table.notes.append(f"- throughput, mifuse / bare: {verdict(throughput, 0.9)}")
    cpu = median(ours.cpu_s / bare.cpu_s for ours, bare in pairs)
    table.notes.append(f"- CPU of the asking, mifuse / bare: {verdict(cpu, 1.1, at_least=False)}")
    table.notes.append("- Ratios are medians over neighbouring runs. The SDK's own import is inside both CPU columns.")
    return table


def memory_and_stored(folder: Path, few: int, many: int) -> Table:
    """A first run asks all, a second one finds all stored."""
    table = Table("One draw per clip", ["clips", "run", "calls", "s in the stage", "CPU s", "peak MB"])
    peaks, stored_s = {}, 0.0
    with open_arena(folder) as arena:
        for clips in (few, many):
            with _state(folder) as state:
                contest = arena.contest(state, clips, 1, _TINY_KB)
                asked, stored = arena.run(_OURS, contest), arena.run(_OURS, contest)
            peaks[clips], stored_s = asked.peak_mb, stored.wall_s
            for run, told in (("asks", asked), ("all stored, new process", stored)):
                figures = [f"{told.calls:,}", f"{told.wall_s:.2f}", f"{told.cpu_s:.2f}", f"{told.peak_mb:.0f}"]
                table.rows.append([f"{clips:,}", run, *figures])
    peak = verdict(peaks[many], 400, at_least=False, digits=0)
    table.notes.append(f"- peak MB of {many:,} clips: {peak}; of {few:,} clips: {peaks[few]:.0f}")
    kept = verdict(stored_s, 1.5, at_least=False)
    table.notes.append(f"- {many:,} stored draws read and written to Parquet, seconds: {kept}")
    return table


def quotas(folder: Path, seconds: float) -> Table:
    """A server that lets 1,200 calls through in any minute, asked with the right limit and with twice that."""
    table = Table(
        f"A server that enforces {_SERVER_PER_MINUTE:,} requests per minute, {seconds:.0f} s of its quota",
        ["configured per minute", "calls", "429s", f"429s after {_SETTLED_S} s", "share of the quota used", "seconds"],
    )
    used, late = {}, {}
    table.notes.append("- 100 % is an even rate; a minute that begins empty lets a burst through on top of it.")
    for configured in (_SERVER_PER_MINUTE, 2 * _SERVER_PER_MINUTE):
        with open_arena(folder, requests_per_minute=_SERVER_PER_MINUTE) as arena, _state(folder) as state:
            clips = round(_SERVER_PER_MINUTE / 60 * seconds)
            contest = arena.contest(state, clips, 1, _TINY_KB, requests_per_minute=configured)
            told = arena.run(_OURS, contest)
        used[configured], late[configured] = _share_used(told), _share_late(told)
        turned_away = [second - told.seen[0][0] for second, status, _ in told.seen if status == 429]
        shares = [f"{late[configured]:.1%}", f"{used[configured]:.1%}", f"{told.wall_s:.0f}"]
        table.rows.append([f"{configured:,}", f"{told.calls:,}", f"{len(turned_away):,}", *shares])
        if turned_away:
            first = ", ".join(f"{second:.1f}" for second in turned_away[:10])
            table.notes.append(f"- configured {configured:,}: the first 429s came after {first} s")
    right, twice = used[_SERVER_PER_MINUTE], late[2 * _SERVER_PER_MINUTE]
    table.notes.append(
        f"- share used with the right limit: {verdict(right, 0.97, digits=3)}; 429s then: none is the target"
    )
    table.notes.append(f"- share of 429s late, limit twice too high: {verdict(twice, 0.03, at_least=False, digits=3)}")
    return table


def _share_used(told: Told) -> float:
    """Of an even 1,200 per minute between the first and the last answered call."""
    at_s = told.answered_at_s
    return (len(at_s) - 1) / ((at_s[-1] - at_s[0]) * _SERVER_PER_MINUTE / 60)


def _share_late(told: Told) -> float:
    late = [status for second, status, _ in told.seen if second > told.seen[0][0] + _SETTLED_S]
    return late.count(429) / max(len(late), 1)


def _once(arena: Arena, name: str, folder: Path, clips: int, draws: int) -> Told:
    with _state(folder) as state:
        return arena.run(name, arena.contest(state, clips, draws))


@contextmanager
def _state(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as state:
        yield Path(state)


def _figures(runs: list[Told]) -> list[str]:
    size_kb = sum(size for told in runs for *_, size in told.seen) / sum(told.calls for told in runs) / 1e3
    return [
        f"{median(told.answers / told.wall_s for told in runs):.0f}",
        f"{median(told.cpu_s for told in runs):.2f}",
        f"{median(told.process_cpu_s for told in runs):.2f}",
        f"{median(told.peak_mb for told in runs):.0f}",
        f"{size_kb:.0f}",
    ]
