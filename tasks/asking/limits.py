"""Keeps to the provider's quota: evenly spaced calls, slower after each "too many requests", faster again later."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf

from pydantic import Field

from tasks.contracts.settings import Settings

# Of the limits that the user gives: at 100 % a call that travels slowly would fall into its successor's minute.
_USED = 0.985
_MADE_UP_S = 0.4  # lost slots that are made up for after a busy moment; with `_USED` any minute stays within the limit
_MINUTE_S = 60.0
_NOW_S = 1e-6  # a clock may be too coarse to wait for less
_SLOWER = 0.85
_FASTER_PER_S = 0.01  # of the rate that was too fast
_SLOWEST_PER_S = 1 / 30
_UNKNOWN_PER_S = 4.0  # where the very first call is turned away: somebody else has used up the minute
_PROBE_S = 0.5  # after a pause one call goes ahead: a server that is still full turns away one and not a crowd
# Servers count minutes. A rate that was not too fast for a minute was misjudged (say, another run had used up the
# minute before), and rising by hundredths of it would take hours: from then on it doubles.
_DOUBLES_AFTER_S = 60.0
_DOUBLES_IN_S = 5.0
_LONG_S = 600.0  # by then any rate has doubled a hundred times


class LimitSettings(Settings):
    """`limits:` of a paid teacher. None means no limit of ours."""

    requests_per_minute: float | None = Field(default=1000, gt=0)
    tokens_per_minute: float | None = Field(default=1_000_000, gt=0)
    requests_per_day: int | None = Field(default=None, gt=0)
    tokens_per_day: int | None = Field(default=None, gt=0)
    concurrency: int = Field(default=64, ge=1, le=1024)
    timeout_s: float = Field(default=120, gt=0)
    attempts: int = Field(default=6, ge=1)  # calls per question before it is given up for this run
    # A global concurrency limit of the Prefect server, which all machines' calls count towards besides the limits here.
    shared: str | None = Field(default=None, min_length=1)


class RateLimiter:
    """Spaces calls evenly; a call of n tokens takes its share of the tokens' minute too.

    Spacing rather than a bucket: a bucket lets a minute's worth through at once, and servers that count in
    shorter windows answer the burst with 429.

    The server has the last word: after "too many requests" the rate falls below what the server let through, then
    rises by the second until it is told so again (additive increase, multiplicative decrease; Chiu & Jain 1989).
    Times are the event loop's. Where machines share a quota, a slot of it is taken first, which may take any time.
    """

    def __init__(
        self,
        limits: LimitSettings,
        stopped: asyncio.Event | None = None,
        shared_slot: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._most_per_s = limits.requests_per_minute * _USED / _MINUTE_S if limits.requests_per_minute else inf
        self._token_s = _MINUTE_S / (limits.tokens_per_minute * _USED) if limits.tokens_per_minute else 0.0
        self._stopped = stopped or asyncio.Event()
        self._shared_slot = shared_slot
        self._now = asyncio.get_running_loop().time
        self._free_at = self._started_at = self._now()
        self._turn = asyncio.Lock()
        self._sent: deque[float] = deque()  # in the last minute, without those that were turned away
        self._slowed_at = -inf
        self._too_fast_per_s = self._most_per_s

    async def take(self, tokens: float) -> float:
        """Waits until one more call of about `tokens` tokens is within the limits, or all is stopped; the time then."""
        async with self._turn:  # one waits for its slot, the others for their turn: no crowd wakes up at each slot
            if self._shared_slot is not None:  # before our own spacing, so that calls are sent evenly all the same
                await finish_unless(self._stopped, self._shared_slot())
            while (wait_s := self._free_at - self._now()) > _NOW_S and not self._stopped.is_set():
                await wait_unless(self._stopped, wait_s)
            now = self._now()
            self._free_at = max(self._free_at, now - _MADE_UP_S) + max(self._request_s(now), tokens * self._token_s)
            self._count(now)
            return now

    def pause(self, seconds: float, sent_at: float) -> None:
        """A call that was sent at `sent_at` was one too many: nobody calls for `seconds`, then all call more slowly."""
        now = self._now()
        self._free_at = max(self._free_at, now + seconds)
        with suppress(ValueError):  # sent more than a minute ago
            self._sent.remove(sent_at)
        if self._slowed_at > -inf and any(self._slowed_at < at < sent_at for at in reversed(self._sent)):
            self._too_fast_per_s = self._per_s(now)
        else:  # the first time, or the server is still full: what it let through tells more than how fast we were
            counted_s = min(_MINUTE_S, max(now - self._started_at, 1e-3) + seconds)
            let_through_per_s = len(self._sent) / counted_s if self._sent else _UNKNOWN_PER_S
            self._too_fast_per_s = max(min(self._too_fast_per_s, let_through_per_s), _SLOWEST_PER_S)
        self._slowed_at = now

    def _request_s(self, now: float) -> float:
        """Seconds between a call now and the next."""
        is_first = self._slowed_at > (self._sent[-1] if self._sent else self._started_at)
        return max(1 / self._per_s(now), _PROBE_S if is_first else 0.0)

    def _per_s(self, now: float) -> float:
        """The rate: after it was too fast it rises evenly, and at last doubles."""
        since_s = min(now - self._slowed_at, _LONG_S)
        risen = _SLOWER + _FASTER_PER_S * since_s
        doubled = max(0.0, since_s - _DOUBLES_AFTER_S) / _DOUBLES_IN_S
        return min(self._too_fast_per_s * risen * 2**doubled, self._most_per_s)

    def _count(self, now: float) -> None:
        self._sent.append(now)
        while now - self._sent[0] > _MINUTE_S:
            self._sent.popleft()


async def finish_unless(stopped: asyncio.Event, work: Awaitable[None]) -> None:
    """Waits for the work, but not longer than until `stopped`; raises what the work raised."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stopping.cancel()


async def wait_unless(stopped: asyncio.Event, seconds: float) -> None:
    """Sleeps, but not longer than until `stopped`."""
    try:
        await asyncio.wait_for(stopped.wait(), seconds)
    except TimeoutError:
        return
