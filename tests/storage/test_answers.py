"""Answers that were paid for: kept on arrival, kept by content, never evicted, never a pickle."""

import hashlib
import inspect
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import diskcache
import pytest

from tasks.contracts.errors import CacheError
from tasks.storage.answers import AnswerStore, StoredAnswer, answer_key

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
AUDIO = "ab" * 32
ASKED = {"model": "m", "prompt": "How?", "sampling": {"temperature": 0.6, "top_k": None}}


def key(**changed: Any) -> str:
    return answer_key(**{"audio_sha256": AUDIO, "asked": ASKED, "draw": 0} | changed)


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    with AnswerStore(tmp_path) as store:
        store.put("k", ANSWER)
        assert store.get("k") == ANSWER
        assert "k" in store


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


def test_the_key_is_the_sha256_of_the_audio_what_was_asked_and_the_draw() -> None:
    content = json.dumps({"audio": AUDIO, "asked": ASKED, "draw": 3}, sort_keys=True, separators=(",", ":"))
    assert key(draw=3) == hashlib.sha256(content.encode()).hexdigest()


def test_the_key_does_not_change_from_release_to_release() -> None:
    """A change would ask and pay for everything again."""
    assert answer_key(audio_sha256="00", asked={"model": "m"}, draw=0) == (
        "1b91f48409933ad3234e7c13f5b3fa8787b99d2d38433ba6089fa3253e2b93c5"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"audio_sha256": "cd" * 32},
        {"draw": 1},
        {"asked": ASKED | {"model": "n"}},
        {"asked": ASKED | {"sampling": {"temperature": 0.7, "top_k": None}}},
        {"asked": ASKED | {"schema": {}}},
    ],
)
def test_the_key_changes_with_the_audio_the_draw_and_all_that_was_asked(changed: dict[str, Any]) -> None:
    assert key(**changed) != key()


def test_the_key_does_not_depend_on_the_order_of_settings() -> None:
    assert key(asked=dict(reversed(ASKED.items()))) == key()


def test_the_key_takes_nothing_else() -> None:
    assert inspect.signature(answer_key).parameters.keys() == {"audio_sha256", "asked", "draw"}
