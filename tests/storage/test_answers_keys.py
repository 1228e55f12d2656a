"""The key of an answer: the audio, what was asked of whom, and the draw; nothing else."""

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import diskcache
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.storage.answers import AnswerStore, KeysOf, answer_key

AUDIO = "ab" * 32
ASKED = {"model": "m", "prompt": "How?", "sampling": {"temperature": 0.6, "top_k": None}}


def key(**changed: Any) -> str:
    return answer_key(**{"audio_sha256": AUDIO, "asked": ASKED, "draw": 0} | changed)


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


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(asked=st.dictionaries(st.text(), PLAIN, max_size=4), audio=st.binary(max_size=8), draw=st.integers(0, 64))
def test_keys_for_many_draws_are_the_same_keys(asked: dict[str, Any], audio: bytes, draw: int) -> None:
    sha256 = hashlib.sha256(audio).hexdigest()
    assert KeysOf(asked).key(sha256, draw) == answer_key(audio_sha256=sha256, asked=asked, draw=draw)


def test_what_was_asked_has_an_id_that_does_not_depend_on_the_order_of_settings() -> None:
    assert KeysOf(ASKED).asked_id == KeysOf(dict(reversed(ASKED.items()))).asked_id
    assert KeysOf(ASKED).asked_id != KeysOf(ASKED | {"model": "n"}).asked_id


def test_what_an_id_stands_for_can_be_looked_up(tmp_path: Path) -> None:
    keys = KeysOf(ASKED)
    with AnswerStore(tmp_path) as store:
        store.note_asked(keys, "emotion-v1")
    with diskcache.Cache(str(tmp_path)) as cache:
        assert json.loads(cache[f"asked:{keys.asked_id}"]) == {"asked": ASKED, "prompt_id": "emotion-v1"}


def test_what_was_noted_first_stands(tmp_path: Path) -> None:
    keys = KeysOf(ASKED)
    with AnswerStore(tmp_path) as store:
        store.note_asked(keys, "emotion-v1")
        store.note_asked(keys, "another name of the same text")
    with diskcache.Cache(str(tmp_path)) as cache:
        assert json.loads(cache[f"asked:{keys.asked_id}"])["prompt_id"] == "emotion-v1"
