"""`schedule:` in pipelines.yaml: what it takes, what it refuses, and when a pipeline runs next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.schedule import ScheduleSettings
from tests.flows.conftest import Project


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"cron": "0 3 * *"},
            r'"0 3 \* \*" is no cron line: expected minute, hour, day, month and weekday; "0 3 \* \* \*"',
        ),
        ({"cron": "0 3 * * 5L"}, "Prefect knows L for the last day of a month alone"),
        ({"cron": "0 3 LW * *"}, "Prefect knows L for the last day of a month alone"),
        ({"cron": "61 3 * * *"}, r'"61 3 \* \* \*" is no cron line: bad minute'),
        (
            {"cron": "0 3 * * *", "timezone": "Europe/Berln"},
            'unknown time zone "Europe/Berln"; expected a name such as',
        ),
        ({}, "give either cron or every_minutes, got neither"),
        ({"cron": "0 3 * * *", "every_minutes": 5}, "give either cron or every_minutes, got both"),
        ({"every_minutes": 0}, "greater than or equal to 1"),
        ({"every_minutes": 721}, "less than or equal to 720"),
        ({"every_minutes": 5, "retries": -1}, "greater than or equal to 0"),
        ({"every_minutes": 5, "max_cost_usd": 0}, "greater than 0"),
    ],
)
def test_what_is_wrong_is_refused(said: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ScheduleSettings.model_validate(said)


def test_check_tells_the_key_of_a_mistake(project: Project) -> None:
    project.change(schedule={"cron": "0 25 * * *", "retrys": 3})
    result = project.mifuse("check", "small")
    assert result.exit_code == 2
    assert 'schedule.cron: "0 25 * * *" is no cron line: bad hour' in result.output
    assert 'schedule.retrys: unknown setting. Did you mean "retries"?' in result.output


def test_a_schedule_makes_nothing_stale(project: Project) -> None:
    project.change(schedule={"cron": "0 3 * * *"})
    assert "stale" not in project.mifuse("status", "small").output


def test_three_at_night_is_three_on_the_clock_of_the_zone() -> None:
    schedule = ScheduleSettings(cron="0 3 * * *", timezone="Europe/Berlin")
    upcoming = schedule.next_after(datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert upcoming.astimezone(UTC) == datetime(2026, 7, 2, 1, tzinfo=UTC)


@given(st.integers(1, 720), st.datetimes(datetime(2021, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_an_interval_counts_from_midnight_of_its_zone_at_the_beginning_of_2020(minutes: int, now: datetime) -> None:
    upcoming = ScheduleSettings(every_minutes=minutes, timezone="Asia/Tokyo").next_after(now)
    since = upcoming - datetime(2020, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert since % timedelta(minutes=minutes) == timedelta(0)
    assert timedelta(0) < upcoming - now <= timedelta(minutes=minutes)
