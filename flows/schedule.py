"""`schedule:` in pipelines.yaml: when a deployed pipeline runs by itself, and what it does when a provider is out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from tasks.contracts.settings import Settings

_NOT_PREFECTS = re.compile(r"\dL|LW")
_EXAMPLE = '"0 3 * * *" is every night at three'


def _cron(text: str) -> str:
    """Five fields, and a time that comes."""
    if len(text.split()) != 5:
        raise ValueError(f'"{text}" is no cron line: expected minute, hour, day, month and weekday; {_EXAMPLE}')
    if _NOT_PREFECTS.search(text.upper()):
        raise ValueError(f'"{text}" is no cron line: Prefect knows L for the last day of a month alone; {_EXAMPLE}')
    try:
        next(CronSim(text, datetime(2026, 1, 1)))
    except CronSimError as error:
        raise ValueError(f'"{text}" is no cron line: {str(error).lower()}; {_EXAMPLE}') from error
    except StopIteration:
        raise ValueError(f'"{text}" never comes; {_EXAMPLE}') from None
    return text


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f'unknown time zone "{name}"; expected a name such as Europe/Berlin or UTC')
    return name


class ScheduleSettings(Settings):
    """When and how patiently; nothing that a result depends on.

    Attributes:
        cron: Minute, hour, day of the month, month, weekday.
        every_minutes: In its place: so often, counted from midnight, in winter time, of 1 January 2020 in the time
            zone. At most 720; for longer: cron.
        retries: So often a paid teacher whose provider is out is asked again within one run; mistakes, spent budgets
            and daily quotas are not repeated.
        retry_delay_s: Seconds before each of these.
        max_cost_usd: The most that one scheduled run may spend.
    """

    cron: Annotated[str, AfterValidator(_cron)] | None = None
    every_minutes: int | None = Field(None, ge=1, le=720)
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    retries: int = Field(2, ge=0, le=100)
    retry_delay_s: float = Field(600, ge=0, allow_inf_nan=False)
    max_cost_usd: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_kind_of_time(self) -> ScheduleSettings:
        if (self.cron is None) == (self.every_minutes is None):
            found = "neither" if self.cron is None else "both"
            raise ValueError(f"give either cron or every_minutes, got {found}; {_EXAMPLE}")
        return self

    @property
    def anchor(self) -> datetime:
        """From when `every_minutes` counts: the same each time, so that deploying again does not shift it."""
        return datetime(2020, 1, 1, tzinfo=ZoneInfo(self.timezone))

    def next_after(self, now: datetime) -> datetime:
        """When the pipeline runs next, in the schedule's time zone."""
        if self.cron is not None:
            return next(CronSim(self.cron, now.astimezone(ZoneInfo(self.timezone))))
        step = timedelta(minutes=self.every_minutes or 0)
        anchor = self.anchor.astimezone(UTC)  # elapsed time, not the clock on the wall, as Prefect counts it
        return (anchor + ((now - anchor) // step + 1) * step).astimezone(ZoneInfo(self.timezone))

    def told(self) -> str:
        """In a few words."""
        return f"{self.cron or f'every {self.every_minutes} min'} ({self.timezone})"
