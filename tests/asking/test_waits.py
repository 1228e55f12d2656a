"""A server's wish to be left alone is found in every form that servers give it."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.waits import duration_s, wait_in_details_s, wait_in_headers_s, wait_in_text_s


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("45.8s", 45.8), ("250ms", 0.25), ("1m30s", 90), ("2h0m5s", 7205), ("1d", 86400)]
)
def test_a_duration_is_the_sum_of_its_parts(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "7", "-1s", "s", "1.2.3s", "5 s", "soon", "1m30", "1sec"])
def test_what_is_no_duration_is_none(text):
    assert duration_s(text) is None


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_hours_minutes_seconds_and_milliseconds_add_up(hours, minutes, seconds, milliseconds):
    expected = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds).total_seconds()
    assert duration_s(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"RETRY-AFTER": " 1.5 "}, 1.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1),
    ],
)
def test_seconds_and_milliseconds_are_read_whatever_the_headers_case(headers, seconds):
    assert wait_in_headers_s(headers) == seconds
    assert wait_in_headers_s(httpx2.Headers(headers)) == seconds


@pytest.mark.parametrize("when", ["", "1.2.3", "-1", "soon", ".", "nan", "inf", "1e3", "Wed, 99 Foo 2026 07:28:00 GMT"])
def test_a_header_that_is_no_time_is_none(when):
    assert wait_in_headers_s({"Retry-After": when, "retry-after-ms": when}) is None


def test_no_header_asks_for_nothing():
    assert wait_in_headers_s({}) is None


def test_a_date_is_seen_from_the_servers_own_clock():
    """Ours may be off by minutes."""
    headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert wait_in_headers_s(headers) == 30


def test_a_date_without_the_servers_clock_is_seen_from_ours():
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < wait_in_headers_s({"Retry-After": in_an_hour}) <= 3600


def test_a_date_in_the_past_asks_for_nothing():
    assert wait_in_headers_s({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}) is None


def test_a_date_of_an_unknown_zone_is_taken_as_utc():
    headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:30 -0000", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert wait_in_headers_s(headers) == 30


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ([{"violations": []}, {"retryDelay": "45.8s"}], 45.8),
        ([{"retryDelay": 3}, {"retryDelay": "2s"}], 2),
        ([{"retryDelay": "soon"}, "odd"], None),
        (None, None),
        ({"retryDelay": "2s"}, None),
    ],
)
def test_googles_delay_is_found_among_an_errors_details(details, seconds):
    assert wait_in_details_s(details) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Limit 3, Used 3. Please try again in 20s. Visit the page.", 20),
        ("please try again in 6ms.", 0.006),
        ("Please try again in 7m12s.", 432),
        ("Please retry in 12.5s.", 12.5),
        ("Please retry after 20s", 20),
        ("Please try again later", None),
        ("try again in a moment", None),
    ],
)
def test_openais_wait_is_found_in_the_message(text, seconds):
    assert wait_in_text_s(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.text())
def test_no_text_breaks_the_reading(text):
    for wait_s in (duration_s(text), wait_in_text_s(text), wait_in_headers_s({"Retry-After": text})):
        assert wait_s is None or (wait_s >= 0 and re.search(r"\d", text))
