"""A quota of calls that several machines share: slots are taken in blocks, since asking for one takes a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tasks.asking.limits import LimitSettings

_MINUTE_S = 60.0


class SharedQuotaLostError(Exception):
    """Nobody tells any more whether a call is within the shared quota."""


@dataclass(frozen=True)
class QuotaSize:
    """How much a shared quota lets through.

    Attributes:
        limit: Slots that can be taken at once after a quiet time.
        per_second: Slots that come free again in a second.
    """

    limit: int
    per_second: float

    def block(self, limits: LimitSettings) -> int:
        """How many slots to take at once: a second's worth for a machine with these limits of its own.

        At most half of the limit: a quota out of which all is taken at once stands full until the next one asks, and
        what comes free meanwhile is lost (`bench.shared_quota`: 12 to 14 of 20 slots a second, against 17 to 19).

        >>> QuotaSize(limit=33, per_second=16.4).block(LimitSettings())
        16
        >>> QuotaSize(limit=16, per_second=16.4).block(LimitSettings())
        8
        """
        own_per_s = limits.requests_per_minute / _MINUTE_S if limits.requests_per_minute else self.per_second
        return max(1, min(int(min(self.per_second, own_per_s)), self.limit // 2))


class SharedQuota(Protocol):
    """Who keeps the quota, outside of this machine."""

    def size(self) -> QuotaSize:
        """How much it lets through. Raises SettingsError: there is no such quota, or it holds nobody back."""

    async def take(self, slots: int) -> None:
        """Waits for so many slots and takes them. Raises SharedQuotaLostError."""

    async def close(self) -> None:
        """Lets go of connections."""


class Blocks:
    """One machine's share, slot by slot. What is left of the last block is lost: it was taken, and comes free again."""

    def __init__(self, quota: SharedQuota, size: int) -> None:
        self._quota = quota
        self._size = size
        self._left = 0

    async def take(self) -> None:
        """One slot: of the block at hand, else of a new one. One at a time may wait here."""
        if not self._left:
            await self._quota.take(self._size)
            self._left = self._size
        self._left -= 1
