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
    "429": "too many requests, with the wait (`@retry_s=`) where the provider tells it; `@where=` tells it elsewhere: "
    "body, retry-after, retry-after-ms, date; `@header=1` adds Retry-After",
    "429-daily": "the day's quota or the credit is spent: waiting does not help",
    "500": "internal error",
    "503": "overloaded (Anthropic: 529)",
    "candidates": "refuses to give more than one candidate; leaves requests for one alone",
    "slow": "answers, but only after `@seconds=`",
    "reset": "the connection is reset in the middle of the answer's body, paid",
    "safety": "refused: no content, paid",
    "max_tokens": "stopped before the first visible word, paid",
    "version": "another model version answers",
    "truncated_json": "the answer breaks off in the middle",
    "prose": "the JSON stands in a code fence with prose around it",
    "unparsable": "words instead of JSON",
    "wrong_classes": "a class that nobody asked for stands in place of the first",
    "negative": "the first class gets -0.5; where one label is asked for, it is the label",
    "nan": "the first class gets NaN; where one label is asked for, it is the label",
    "sum7": "the probabilities sum to 7; where one label is asked for, it is 7",
    "percent": "the probabilities are whole percentages",
    "label_case": "the classes are written in capitals",
    "synonyms": "the classes are called otherwise: Anger, Joyful, Sadness",
    "batch_hangs": "of batches: never ends by itself; half of it is answered",
    "batch_expires": "of batches: ends without an answer, as after 24 hours",
    "batch_fails": "of batches: ends as failed, without an answer",
}
PLACES = ("body", "retry-after", "retry-after-ms", "date")


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
    where: str | None = None

    @property
    def is_of_batches(self) -> bool:
        """Whether it strikes whole batches and no single request."""
        return self.name.startswith("batch_")


@dataclass
class FaultPlan:
    """Decides for one request after the other. The same plan strikes the same requests in every run."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    seen: int = 0
    struck: dict[int, int] = field(default_factory=dict)

    def next(self, candidates: int = 1, *, is_batch: bool = False) -> Fault | None:
        """The fault of the next request, or None. Whole batches and single requests need a plan each."""
        self.seen += 1
        for place, fault in enumerate(self.faults):
            fits = fault.is_of_batches == is_batch and (fault.name != "candidates" or candidates > 1)
            if fits and self._strikes(place, fault):
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
    settings: dict[str, float | str] = {}
    if rate:
        settings["rate"] = _number(entry, "rate", rate, most=1.0)
    if count:
        settings["count"] = _whole(entry, "count", count)
    for option in options:
        settings |= _parse_option(entry, option)
    return Fault(name, **settings)  # type: ignore[arg-type]  # `header` is 0 or 1 here


def _parse_option(entry: str, option: str) -> dict[str, float | str]:
    key, _, value = option.partition("=")
    known = [each.name for each in fields(Fault) if each.name not in ("name", "rate", "count")]
    if key not in known:
        raise ValueError(f'faults: unknown option "{key}" in "{entry}". Known: {", ".join(known)}.')
    if key == "where":
        if value not in PLACES:
            raise ValueError(f'faults: where in "{entry}" must be one of {", ".join(PLACES)}, got "{value}".')
        return {key: value}
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
