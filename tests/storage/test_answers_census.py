"""What lies in the answer store, by question; and what was spent, by month and model."""

from pathlib import Path

import diskcache
import pytest

from tasks.contracts.errors import CacheError
from tasks.storage.answers import AnswerStore, Spent
from tasks.storage.answers_census import take_census
from tests.storage.kept_answers import MODEL, Trap, asked_of, put, put_unnoted, write


def test_answers_are_counted_by_question(tmp_path: Path) -> None:
    put(tmp_path, 0)
    put(tmp_path, 1)
    put(tmp_path, 0, asked_of(temperature=1.0))
    groups = take_census(tmp_path).groups
    assert sorted((group.settings["temperature"], group.answers) for group in groups) == [(0.6, 2), (1.0, 1)]


def test_a_group_says_who_was_asked_what(tmp_path: Path) -> None:
    put(tmp_path, asked=asked_of(thinking="off"), prompt_id="emotion-v2")
    (group,) = take_census(tmp_path).groups
    assert (group.kind, group.model, group.prompt_id) == ("gemini", MODEL, "emotion-v2")
    assert group.settings == {"temperature": 0.6, "thinking": "off"}


def test_two_versions_of_a_model_are_one_group(tmp_path: Path) -> None:
    put(tmp_path, 0, model_version="v1")
    put(tmp_path, 1, model_version="v2")
    assert [group.answers for group in take_census(tmp_path).groups] == [2]


def test_refusals_dollars_and_dates_are_told(tmp_path: Path) -> None:
    put(tmp_path, 0, answered_at="2026-11-22T03:00:00+00:00")
    put(tmp_path, 1, refusal="SAFETY", answered_at="2026-11-20T03:00:00+00:00", cost_usd=0.5)
    (group,) = take_census(tmp_path).groups
    assert (group.answers, group.refused, group.usd) == (2, 1, 0.75)
    assert (group.first[:10], group.last[:10]) == ("2026-11-20", "2026-11-22")


def test_an_answer_without_a_known_cost_is_counted_as_such(tmp_path: Path) -> None:
    put(tmp_path, cost_usd=None)
    (group,) = take_census(tmp_path).groups
    assert (group.usd, group.unpriced) == (0.0, 1)


def test_an_answer_that_was_asked_again_counts_as_superseded_and_not_as_an_answer(tmp_path: Path) -> None:
    put(tmp_path, refusal="SAFETY")
    put(tmp_path, answered_at="2026-11-23T03:00:00+00:00")
    (group,) = take_census(tmp_path).groups
    assert (group.answers, group.refused, group.superseded, group.usd) == (1, 0, 1, 0.25)
    assert group.first == "2026-11-23T03:00:00+00:00"


def test_older_answers_are_grouped_by_who_answered(tmp_path: Path) -> None:
    put_unnoted(tmp_path)
    (group,) = take_census(tmp_path).groups
    assert (group.model, group.prompt_id, group.question, group.answers) == ("old-1", "", "", 1)


def test_a_long_answer_that_lies_in_a_file_is_counted(tmp_path: Path) -> None:
    put(tmp_path, text="ä" * 200_000)
    assert list(tmp_path.rglob("*.val"))
    assert take_census(tmp_path).answers == 1


def test_hours_are_summed_to_months(tmp_path: Path) -> None:
    write(tmp_path, f"spent:{MODEL}:2026-10-31T23", b'{"calls": 1, "tokens": 5, "usd": 1.0, "unconfirmed_usd": 0.0}')
    for hour in ("2026-11-01T00", "2026-11-30T23"):
        write(tmp_path, f"spent:{MODEL}:{hour}", b'{"calls": 2, "tokens": 5, "usd": 1.5, "unconfirmed_usd": 0.5}')
    spent = take_census(tmp_path).spent
    assert spent == {("2026-10", MODEL): Spent(1, 5, 1.0, 0.0), ("2026-11", MODEL): Spent(4, 10, 3.0, 1.0)}


def test_what_a_model_with_a_colon_in_its_name_took_is_its_own(tmp_path: Path) -> None:
    with AnswerStore(tmp_path) as store:
        store.charge("qwen2.5:7b", Spent(1, 10, 0.5, 0.0))
    assert [model for _, model in take_census(tmp_path).spent] == ["qwen2.5:7b"]


@pytest.mark.parametrize("size", [1, 100_000], ids=["in the database", "in a file"])
def test_a_planted_pickle_is_counted_as_damaged_and_its_code_does_not_run(size: int, tmp_path: Path) -> None:
    put(tmp_path / "answers")
    write(tmp_path / "answers", "ef" * 32, Trap(tmp_path / "trace", size))
    census = take_census(tmp_path / "answers")
    assert (census.answers, census.damaged) == (1, 1)
    assert not (tmp_path / "trace").exists()


def test_a_planted_key_that_is_a_pickle_is_not_opened_either(tmp_path: Path) -> None:
    with diskcache.Cache(str(tmp_path / "answers")) as cache:
        cache[(Trap(tmp_path / "trace"),)] = b"{}"
    assert take_census(tmp_path / "answers").damaged == 1
    assert not (tmp_path / "trace").exists()


def test_looking_does_not_change_the_store_that_a_killed_run_left(tmp_path: Path) -> None:
    """Its last answers lie in SQLite's write-ahead log, which whoever opens the store for writing moves."""
    left = tmp_path / "left"
    left.mkdir()
    with AnswerStore(tmp_path) as store:
        put(tmp_path)
        assert len(store._cache) == 2  # the answer and its note
        before = {name: (tmp_path / name).read_bytes() for name in ("cache.db", "cache.db-wal")}
    for name, content in before.items():
        (left / name).write_bytes(content)
    assert take_census(left).answers == 1
    assert {name: (left / name).read_bytes() for name in before} == before


def test_answers_that_arrived_a_moment_ago_are_seen_while_the_store_is_open(tmp_path: Path) -> None:
    """They lie in SQLite's write-ahead log then."""
    with AnswerStore(tmp_path):
        put(tmp_path)
        assert take_census(tmp_path).answers == 1


def test_a_folder_without_a_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"no answers are stored here\. `mifuse run` stores them"):
        take_census(tmp_path)


def test_a_damaged_store_is_told_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database " * 500)
    with pytest.raises(CacheError, match=r"cache\.db: the stored answers cannot be read .*Restore it from a backup"):
        take_census(tmp_path)
