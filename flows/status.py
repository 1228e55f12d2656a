"""`mifuse status`: which stages are fresh and which are stale, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flows.freshness import Verdict
from flows.place import Place, look_at_place
from flows.settings import read_pipelines
from tasks.contracts.reasons import Reason


def show_status(
    name: str | None, pipelines: Path, cache: Path, *, as_json: bool = False, verbose: bool = False, deep: bool = False
) -> None:
    """One line per node, with the reasons below it; `verbose` lists the clips. Needs no writable cache."""
    names = [name] if name else list(read_pipelines(pipelines))
    places = [look_at_place(each, pipelines, cache) for each in names]
    if as_json:
        print(json.dumps({place.name: _as_json(place, deep) for place in places}, indent=2))
        return
    for place in places:
        verdicts = place.examine(deep=deep)
        print(place.name)
        if (holder := place.at_work()) is not None:
            print(f"  a run is at work ({holder.told()})")
        for line in told_verdicts(verdicts, verbose=verbose):
            print(line)
        print(f"  {_summary(place.name, verdicts)}")
    if deep:
        print("`mifuse run` trusts size and time; to make again what only --deep found, use --force STAGE.")


def told_verdicts(verdicts: Sequence[Verdict], *, verbose: bool = False) -> Iterator[str]:
    """One line per node, each followed by its reasons."""
    width = name_width(verdicts)
    for verdict in verdicts:
        yield f"  {verdict.node.name:<{width}} {_state(verdict)}"
        for reason in verdict.reasons:
            yield from told_reason(reason, verbose=verbose)


def name_width(verdicts: Sequence[Verdict]) -> int:
    """Of the column of names: at least that of `mifuse run`."""
    return max(24, *(len(verdict.node.name) for verdict in verdicts))


def told_reason(reason: Reason, *, verbose: bool = False) -> Iterator[str]:
    """Its line, and the clips below it where they are asked for."""
    yield f"      {reason}{': --verbose lists them' if reason.clips and not verbose else ''}"
    for what, clips in reason.clips.lists().items() if reason.clips and verbose else ():
        for clip in clips:
            yield f"        {what:<10} {clip}"


def _state(verdict: Verdict) -> str:
    if verdict.is_fresh:
        return "fresh"
    return "stale" if verdict.needs_work else "stale, but an earlier result is kept"


def _summary(name: str, verdicts: Sequence[Verdict]) -> str:
    stale = [verdict for verdict in verdicts if not verdict.is_fresh]
    if not stale:
        return f"all {len(verdicts)} stages fresh"
    told = f"{len(stale)} of {len(verdicts)} stages stale"
    if not any(verdict.needs_work for verdict in stale):
        return f"{told}, and for each an earlier result is kept: `mifuse run {name}` shows it again at no cost"
    return f"{told}; `mifuse plan {name}` says what that costs"


def _as_json(place: Place, deep: bool) -> list[dict[str, Any]]:
    return [_verdict_as_json(place, verdict) for verdict in place.examine(deep=deep)]


def _verdict_as_json(place: Place, verdict: Verdict) -> dict[str, Any]:
    record = place.store.record_of(verdict.node)
    return {
        "node": verdict.node.name,
        "stage": verdict.node.stage,
        "fresh": verdict.is_fresh,
        "needs_work": verdict.needs_work,
        "reasons": [reason.as_json() for reason in verdict.reasons],
        "fingerprint": verdict.fingerprint,
        "took_s": record.took_s if record else None,
    }
