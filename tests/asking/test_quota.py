"""A day begins and ends at midnight in the provider's time zone."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.quota import day_began, day_ends, renewed_at

PACIFIC = ZoneInfo("America/Los_Angeles")
MORNING = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)  # 23:30 of the day before, there


def test_a_day_begins_at_the_last_midnight_there():
    assert day_began(PACIFIC, MORNING) == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_day_ends_at_the_next_midnight_there():
    assert day_ends(PACIFIC, MORNING) == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_at_midnight_itself_a_day_has_begun():
    midnight = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert day_began(PACIFIC, midnight) == midnight


@pytest.mark.parametrize(("date", "hours"), [((2026, 11, 1), 25), ((2026, 3, 8), 23)])
def test_the_days_on_which_clocks_change_are_longer_and_shorter(date, hours):
    noon = datetime(*date, 12, tzinfo=PACIFIC)
    began, ends = day_began(PACIFIC, noon).astimezone(UTC), day_ends(PACIFIC, noon).astimezone(UTC)
    assert ends - began == timedelta(hours=hours)


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_now_is_always_within_its_day(now, zone):
    there = ZoneInfo(zone)
    assert day_began(there, now).astimezone(UTC) <= now < day_ends(there, now).astimezone(UTC)


def test_without_a_time_it_is_now():
    assert day_began(PACIFIC) <= datetime.now(UTC) < day_ends(PACIFIC)


def test_people_are_told_when_to_go_on_in_their_own_time():
    here = datetime(2026, 11, 21, 8, tzinfo=UTC).astimezone()
    told = renewed_at(PACIFIC, MORNING)
    assert re.fullmatch(r"A new day's quota begins at (.+); run the same command then\.", told)
    assert f"{here:%Y-%m-%d %H:%M %Z}" in told
