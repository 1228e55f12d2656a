"""What calls took of money and quotas is counted by model and by the hour, together with the answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import diskcache
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.storage.answers import AnswerStore, Spent, StoredAnswer

ANSWER = StoredAnswer("{}", None, "m", 100, 10, 0.5, 1.0, "2026-11-21T03:00:00+00:00")
ONE = Spent(calls=1, tokens=110, usd=0.5, unconfirmed_usd=0.25)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    with AnswerStore(tmp_path) as store:
        yield store


def this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def test_nothing_was_spent_on_a_model_that_was_never_asked(store: AnswerStore) -> None:
    assert store.spent("m", this_hour()) == Spent()


def test_charges_add_up(store: AnswerStore) -> None:
    since = this_hour()
    store.charge("m", ONE)
    store.charge("m", ONE)
    assert store.spent("m", since) == Spent(calls=2, tokens=220, usd=1.0, unconfirmed_usd=0.5)


def test_what_an_answer_took_is_counted_as_it_is_put(store: AnswerStore) -> None:
    since = this_hour()
    store.put("k", ANSWER, "m", ONE)
    assert store.spent("m", since) == ONE


def test_an_answer_that_is_put_without_a_cost_counts_nothing(store: AnswerStore) -> None:
    since = this_hour()
    store.put("k", ANSWER, "m")
    assert store.spent("m", since) == Spent()


def test_models_are_counted_apart(store: AnswerStore) -> None:
    since = this_hour()
    store.charge("m", ONE)
    store.charge("m-lite", ONE + ONE)
    assert store.spent("m", since) == ONE


def test_counts_survive_reopening(tmp_path: Path) -> None:
    since = this_hour()
    with AnswerStore(tmp_path) as store:
        store.charge("m", ONE)
    with AnswerStore(tmp_path) as store:
        assert store.spent("m", since) == ONE


def move(folder: Path, hours: int) -> None:
    """As if what was spent had been spent so many hours earlier."""
    with diskcache.Cache(str(folder)) as cache:
        for key in [key for key in cache if key.startswith("spent:")]:
            start, hour = key.rsplit(":", 1)
            earlier = datetime.fromisoformat(f"{hour}:00") - timedelta(hours=hours)
            cache[f"{start}:{earlier.isoformat()[:13]}"] = cache.pop(key)


@pytest.mark.parametrize("hours", [1, 26, 24 * 31])
def test_what_was_spent_before_is_not_counted(hours: int, tmp_path: Path) -> None:
    since = this_hour()
    with AnswerStore(tmp_path) as store:
        store.charge("m", ONE)
    move(tmp_path, hours + 1)
    with AnswerStore(tmp_path) as store:
        assert store.spent("m", since - timedelta(hours=hours)) == Spent()


@pytest.mark.parametrize("hours", [1, 26, 24 * 31])
def test_what_was_spent_in_any_hour_since_is_counted(hours: int, tmp_path: Path) -> None:
    since = this_hour()
    with AnswerStore(tmp_path) as store:
        store.charge("m", ONE)
    move(tmp_path, hours)
    with AnswerStore(tmp_path) as store:
        store.charge("m", ONE)
        assert store.spent("m", since - timedelta(hours=hours)) == ONE + ONE


def test_a_day_that_began_elsewhere_is_the_same_time_here(store: AnswerStore) -> None:
    since = this_hour()
    store.charge("m", ONE)
    assert store.spent("m", since.astimezone(timezone(timedelta(hours=-8)))) == ONE


def test_a_day_that_began_within_an_hour_counts_all_of_that_hour_and_the_last_one(store: AnswerStore) -> None:
    """There are zones whose midnight is at half past."""
    since = this_hour() - timedelta(minutes=1)
    store.charge("m", ONE)
    assert store.spent("m", since) == ONE


AMOUNTS = st.builds(Spent, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))


@given(AMOUNTS, AMOUNTS)
def test_what_was_added_can_be_taken_away(one: Spent, other: Spent) -> None:
    assert (one + other) - other == one


@given(AMOUNTS, AMOUNTS)
def test_sums_go_field_by_field(one: Spent, other: Spent) -> None:
    both = one + other
    assert (both.calls, both.tokens) == (one.calls + other.calls, one.tokens + other.tokens)
    assert (both.usd, both.unconfirmed_usd) == (one.usd + other.usd, one.unconfirmed_usd + other.unconfirmed_usd)
