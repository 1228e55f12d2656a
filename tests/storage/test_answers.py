"""Answers that were paid for: kept on arrival, kept by content, never evicted, never a pickle."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import diskcache
import pytest

from tasks.contracts.errors import CacheError
from tasks.storage.answers import AnswerStore, StoredAnswer

ANSWER = StoredAnswer(
    text='{"zärtlich": 1}',
    refusal=None,
    model_version="gemini-2.5-flash-001",
    input_tokens=120,
    output_tokens=None,
    cost_usd=0.000_123,
    latency_s=1.5,
    answered_at="2026-11-21T03:00:00+00:00",
)
NEWER = {"audio_tokens", "audio_sha256", "asked_id", "draw"}
AUDIO = "ab" * 32


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    with AnswerStore(tmp_path) as store:
        store.put("k", ANSWER)
        assert store.get("k") == ANSWER
        assert "k" in store


def test_an_answer_comes_back_with_the_question_that_it_answers(tmp_path: Path) -> None:
    whole = replace(ANSWER, audio_tokens=60, audio_sha256=AUDIO, asked_id="cd" * 32, draw=3)
    with AnswerStore(tmp_path) as store:
        store.put("k", whole)
        assert store.get("k") == whole


def test_an_answer_that_was_stored_before_it_told_its_question_is_still_read(tmp_path: Path) -> None:
    first = {name: value for name, value in vars(ANSWER).items() if name not in NEWER}
    with diskcache.Cache(str(tmp_path)) as cache:
        cache["k"] = json.dumps(first).encode()
    with AnswerStore(tmp_path) as store:
        assert store.get("k") == ANSWER


def test_a_newer_answer_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    newer = replace(ANSWER, text="newer", answered_at="2026-11-22T03:00:00+00:00")
    with AnswerStore(tmp_path) as store:
        store.put("k", ANSWER)
        store.put("k", newer)
        assert store.get("k") == newer


def test_the_old_answer_is_kept_beside_the_newer_ones(tmp_path: Path) -> None:
    """It was paid for."""
    with AnswerStore(tmp_path) as store:
        for day in (21, 22, 23):
            store.put("k", replace(ANSWER, answered_at=f"2026-11-{day}T03:00:00+00:00"))
        for day in (21, 22):
            at = f"2026-11-{day}T03:00:00+00:00"
            assert store.get(f"old:k:{at}") == replace(ANSWER, answered_at=at)


def test_a_refusal_is_kept_like_any_answer(tmp_path: Path) -> None:
    refused = replace(ANSWER, text="", refusal="SAFETY", cost_usd=None)
    with AnswerStore(tmp_path) as store:
        store.put("k", refused)
        assert store.get("k") == refused


def test_what_was_never_paid_for_is_none(tmp_path: Path) -> None:
    with AnswerStore(tmp_path) as store:
        assert store.get("k") is None
        assert "k" not in store


def test_answers_survive_reopening(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "new" / "answers") as store:
        store.put("k", ANSWER)
    with AnswerStore(tmp_path / "new" / "answers") as store:
        assert store.get("k") == ANSWER


def test_a_long_answer_survives_reopening(tmp_path: Path) -> None:
    """Long values lie in files of their own."""
    long = replace(ANSWER, text="ä" * 200_000)
    with AnswerStore(tmp_path) as store:
        store.put("k", long)
    with AnswerStore(tmp_path) as store:
        assert store.get("k") == long


def test_nothing_is_evicted_when_the_store_outgrows_its_size_limit(tmp_path: Path) -> None:
    with AnswerStore(tmp_path):
        pass
    with diskcache.Cache(str(tmp_path)) as cache:
        cache.reset("size_limit", 1)
    with AnswerStore(tmp_path) as store:
        for i in range(100):
            store.put(str(i), ANSWER)
        assert all(str(i) in store for i in range(100))


class Planted:
    """Unpickled, it leaves a file behind: code has run."""

    def __init__(self, trace: Path, size: int) -> None:
        self.trace, self.padding = trace, "x" * size

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.trace, self.padding)


@pytest.mark.parametrize("size", [1, 100_000], ids=["in the database", "in a file"])
def test_a_planted_pickle_is_refused_and_its_code_does_not_run(size: int, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    planted = Planted(trace, size)
    pickle.loads(pickle.dumps(planted))
    assert trace.exists()
    trace.unlink()
    with AnswerStore(tmp_path / "answers") as store:
        store.put("k", ANSWER)
    with diskcache.Cache(str(tmp_path / "answers"), disk=diskcache.Disk) as cache:
        cache["k"] = planted
    with AnswerStore(tmp_path / "answers") as store, pytest.raises(CacheError, match="holds a pickled value, which"):
        store.get("k")
    assert not trace.exists()


def test_a_damaged_store_is_told_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database " * 500)
    with pytest.raises(CacheError, match=str(tmp_path)):
        AnswerStore(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_with_the_option_to_change(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(CacheError, match=r"cannot be written .*--cache DIR or MIFUSE_CACHE"):
        AnswerStore(tmp_path / "cache" / "answers")
