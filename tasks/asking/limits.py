"""Keeps to the provider's quota: requests and tokens per minute, and a pause that everyone keeps after a 429."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from pydantic import Field

from tasks.contracts.settings import Settings


class LimitSettings(Settings):
    """`limits:` of a paid teacher. None means no limit of ours."""

    requests_per_minute: float | None = Field(default=1000, gt=0)
    tokens_per_minute: float | None = Field(default=1_000_000, gt=0)
    concurrency: int = Field(default=64, ge=1, le=1024)
    timeout_s: float = Field(default=120, gt=0)
    attempts: int = Field(default=6, ge=1)  # calls per question before it is given up for this run


class Clock(Protocol):
    """Time and waiting, so that tests need not wait."""

    def now(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class RealClock:
    """Monotonic time."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RateLimiter:
    """Spaces calls evenly; a call of n tokens takes its share of the tokens' minute too.

    Spacing rather than a bucket: a bucket lets a minute's worth through at once, and servers that count in
    shorter windows answer the burst with 429.
    """

    def __init__(self, limits: LimitSettings, clock: Clock) -> None:
        self._request_s = 60 / limits.requests_per_minute if limits.requests_per_minute else 0.0
        self._token_s = 60 / limits.tokens_per_minute if limits.tokens_per_minute else 0.0
        self._clock = clock
        self._free_at = clock.now()

    async def take(self, tokens: int) -> None:
        """Waits until one more call of about `tokens` tokens is within the limits."""
        while (wait_s := self._free_at - self._clock.now()) > 0:
            await self._clock.sleep(wait_s)
        # A loop that was busy may be late: up to a second of missed slots is made up for, never more.
        start = max(self._free_at, self._clock.now() - 1.0)
        self._free_at = start + max(self._request_s, tokens * self._token_s)

    def pause(self, seconds: float) -> None:
        """Nobody calls for `seconds`: the server said so."""
        self._free_at = max(self._free_at, self._clock.now() + seconds)
