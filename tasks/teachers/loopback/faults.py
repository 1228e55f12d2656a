"""Things that go wrong at a paid provider, on order: which request fails, and how.

`--faults 429:0.1,503*3,429-daily@after=40` reads: one request in ten is told to wait, the first three find the provider
overloaded, and from the 41st request on the day's quota is spent. The first entry that applies to a request wins.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, fields

# name → what it does; another wire format gives each its own shape
FAULTS = {
    "429": "too many requests; the body says how long to wait: `@retry_s=`, with `@header=1` also as Retry-After",
    "429-daily": "the day's quota is spent: waiting does not help",
    "500": "internal error",
    "503": "overloaded",
    "slow": "answers, but only after `@seconds=`",
    "safety": "refused: no content, paid",
    "max_tokens": "stopped before the first visible word, paid",
    "truncated_json": "the answer breaks off in the middle",
    "prose": "the JSON stands in a code fence with prose around it",
    "unparsable": "words instead of JSON",
}


@dataclass(frozen=True)
class Fault:
    """One entry of a specification: `name[:rate][*count][@option=value…]`."""

    name: str
    rate: float = 1.0  # of the requests that it looks at
    count: float = math.inf  # how often it strikes in all
    after: int = 0  # the first requests that it leaves alone
    retry_s: float = 1.0
    header: bool = False
    seconds: float = 2.0


@dataclass
class FaultPlan:
    """Decides for one request after the other. The same plan strikes the same requests in every run."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    seen: int = 0
    struck: dict[int, int] = field(default_factory=dict)

    def next(self) -> Fault | None:
        """The fault of the next request, or None."""
        self.seen += 1
        for place, fault in enumerate(self.faults):
            if self._strikes(place, fault):
                self.struck[place] = self.struck.get(place, 0) + 1
                return fault
        return None

    def _strikes(self, place: int, fault: Fault) -> bool:
        if self.seen <= fault.after or self.struck.get(place, 0) >= fault.count:
            return False
        return _chance(f"{self.seed}:{place}:{fault.name}:{self.seen}") < fault.rate


def parse_faults(spec: str | None) -> tuple[Fault, ...]:
    """Reads a `--faults` specification.

    Raises:
        ValueError: An unknown name or option, a rate outside 0 to 1, or a number that is none.

    >>> [fault] = parse_faults("503*3@after=10")
    >>> fault.name, fault.count, fault.after
    ('503', 3, 10)
    """
    return tuple(_parse_one(entry.strip()) for entry in (spec or "").split(",") if entry.strip())


def _parse_one(entry: str) -> Fault:
    head, *options = entry.split("@")
    head, _, count = head.partition("*")
    name, _, rate = head.partition(":")
    if name not in FAULTS:
        raise ValueError(f'faults: unknown fault "{name}" in "{entry}". Known: {", ".join(FAULTS)}.')
    settings: dict[str, float] = {}
    if rate:
        settings["rate"] = _number(entry, "rate", rate, most=1.0)
    if count:
        settings["count"] = _whole(entry, "count", count)
    for option in options:
        settings |= _parse_option(entry, option)
    return Fault(name, **settings)  # type: ignore[arg-type]  # `header` is 0 or 1 here


def _parse_option(entry: str, option: str) -> dict[str, float]:
    key, _, value = option.partition("=")
    known = [each.name for each in fields(Fault) if each.name not in ("name", "rate", "count")]
    if key not in known:
        raise ValueError(f'faults: unknown option "{key}" in "{entry}". Known: {", ".join(known)}.')
    return {key: _whole(entry, key, value) if key == "after" else _number(entry, key, value)}


def _whole(entry: str, key: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f'faults: {key} in "{entry}" must be a whole number, got "{text}".')
    return int(text)


def _number(entry: str, key: str, text: str, most: float = math.inf) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most or math.isinf(value):
        limit = f"a number from 0 to {most:g}" if most < math.inf else "a number of at least 0"
        raise ValueError(f'faults: {key} in "{entry}" must be {limit}, got "{text}".')
    return value


def _chance(text: str) -> float:
    """A number in [0, 1) that depends on nothing but the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
