"""When a provider's day begins and ends: its daily quota is renewed then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def day_began(zone: ZoneInfo, now: datetime | None = None) -> datetime:
    """The last midnight there."""
    return _midnight((now or datetime.now(UTC)).astimezone(zone), 0)


def day_ends(zone: ZoneInfo, now: datetime | None = None) -> datetime:
    """The next midnight there.

    >>> day_ends(ZoneInfo("America/Los_Angeles"), datetime(2026, 11, 21, 9, tzinfo=UTC)).astimezone(UTC).isoformat()
    '2026-11-22T08:00:00+00:00'
    """
    return _midnight((now or datetime.now(UTC)).astimezone(zone), 1)


def renewed_at(zone: ZoneInfo, now: datetime | None = None) -> str:
    """For people."""
    end = day_ends(zone, now).astimezone()
    return f"A new day's quota begins at {end:%Y-%m-%d %H:%M %Z}; run the same command then."


def _midnight(there: datetime, days: int) -> datetime:
    date = there.date() + timedelta(days=days)
    return datetime(date.year, date.month, date.day, tzinfo=there.tzinfo)
