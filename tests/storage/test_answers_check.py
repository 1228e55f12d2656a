"""Every stored answer is readable, and lies under the key that its content says."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.answers import AnswerStore, KeysOf, Spent, answer_key
from tasks.storage.answers_check import CheckedAnswers, check_answers, count_entries
from tests.storage.kept_answers import AUDIO, MODEL, Trap, asked_of, edit, put, put_unnoted, write

KEY = "ef" * 32


def check(folder: Path) -> CheckedAnswers:
    return check_answers(folder, lambda: None)


def problem(folder: Path) -> str:
    (found,) = check(folder).problems
    return found


def test_what_a_run_stores_is_sound_and_checked_by_its_key(tmp_path: Path) -> None:
    put(tmp_path, 0)
    put(tmp_path, 0, answered_at="2026-11-23T03:00:00+00:00")  # the first is superseded
    put(tmp_path, 1, refusal="SAFETY", text="")
    with AnswerStore(tmp_path) as store:
        store.charge(MODEL, Spent(3, 10, 0.5, 0.1))
    assert check(tmp_path) == CheckedAnswers(answers=3, by_key=3)


def test_an_older_answer_is_read_and_its_key_taken_on_trust(tmp_path: Path) -> None:
    put_unnoted(tmp_path)
    assert check(tmp_path) == CheckedAnswers(answers=1, unnoted=1)


def test_a_key_that_holds_a_transcript_is_taken_on_trust(tmp_path: Path) -> None:
    asked = asked_of(proxy={"reads": ["transcript"], "version": 1})
    key = put(tmp_path, asked=asked)
    with AnswerStore(tmp_path) as store:
        answer = store.get(key)
        assert answer is not None
        with_transcript = answer_key(audio_sha256=AUDIO, asked=asked | {"transcript": "hello"}, draw=0)
        store.put(with_transcript, answer)
    assert check(tmp_path) == CheckedAnswers(answers=2, with_transcript=2)


def test_each_entry_is_told_of_once(tmp_path: Path) -> None:
    put(tmp_path, 0)
    put(tmp_path, 1)
    told: list[None] = []
    check_answers(tmp_path, lambda: told.append(None))
    assert len(told) == count_entries(tmp_path) == 3


def test_an_answer_under_the_key_of_another_draw_is_told(tmp_path: Path) -> None:
    key = put(tmp_path)
    edit(tmp_path, key, draw=1)
    own = KeysOf(asked_of()).key(AUDIO, 1)
    assert problem(tmp_path) == (
        f"{key[:20]}… is kept under a key that is not its own: by its content it is {own[:20]}…"
    )


def test_a_superseded_answer_is_checked_by_its_key_too(tmp_path: Path) -> None:
    key = put(tmp_path)
    put(tmp_path)
    edit(tmp_path, f"old:{key}:2026-11-21T03:00:00+00:00", draw=1)
    assert "is kept under a key that is not its own" in problem(tmp_path)


def test_a_note_that_was_edited_is_told_and_its_answers_are_not_blamed(tmp_path: Path) -> None:
    put(tmp_path)
    edit(tmp_path, f"asked:{KeysOf(asked_of()).asked_id}", asked=asked_of("another"))
    found = check(tmp_path)
    assert (found.answers, found.unnoted) == (1, 1)
    assert [line.partition(" ")[2] for line in found.problems] == [
        "was edited: it is no longer what its key is made of"
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"text": None}, "text is None"),
        ({"cost_usd": "free"}, "cost_usd is 'free'"),
        ({"answered_at": "yesterday"}, "has 'yesterday' for the time when it was answered"),
        ({"probs": [1]}, "has fields too many or too few: probs"),
    ],
)
def test_an_answer_with_other_fields_is_told(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    edit(tmp_path, put(tmp_path), **changed)
    assert told in problem(tmp_path)


def test_an_answer_without_its_text_is_told(tmp_path: Path) -> None:
    write(tmp_path, KEY, json.dumps({"refusal": None}).encode())
    assert "has fields too many or too few: answered_at, cost_usd" in problem(tmp_path)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b'{"text": "cut of', "is no JSON"),
        (b"[1]", "is no JSON object but list"),
        (7, "is no JSON (the JSON object must be str"),
    ],
)
def test_a_value_that_is_no_answer_is_told(value: Any, told: str, tmp_path: Path) -> None:
    write(tmp_path, KEY, value)
    assert told in problem(tmp_path)


@pytest.mark.parametrize("size", [1, 100_000], ids=["in the database", "in a file"])
def test_a_planted_pickle_is_told_and_its_code_does_not_run(size: int, tmp_path: Path) -> None:
    write(tmp_path / "answers", KEY, Trap(tmp_path / "trace", size))
    assert "is pickled, which mifuse never writes and does not open" in problem(tmp_path / "answers")
    assert not (tmp_path / "trace").exists()


def test_an_entry_under_a_key_of_nobodys_is_told(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere", b"{}")
    assert problem(tmp_path) == "elsewhere is kept under a key that mifuse does not write"


def test_a_sum_spent_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, "spent:m:2026-11-21T03", b'{"usd": "much"}')
    assert "usd is 'much' (what was spent is never removed" in problem(tmp_path)


def _delete(file: Path) -> None:
    file.unlink()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize(("spoil", "told"), [(_delete, "cannot be read (No such file"), (_cut, "is no JSON")])
def test_a_long_answers_file_that_is_gone_or_cut_off_is_told(
    spoil: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    put(tmp_path, text="x" * 100_000)
    (file,) = tmp_path.rglob("*.val")
    spoil(file)
    assert told in problem(tmp_path)


def test_a_file_outside_of_the_store_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path / "answers", text="x" * 100_000)
    (tmp_path / "secret").write_text("{}")
    change_database(tmp_path / "answers", "UPDATE Cache SET filename = '../secret' WHERE filename IS NOT NULL")
    assert "names a file that the store would not: '../secret'" in problem(tmp_path / "answers")


def change_database(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "cache.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_an_entry_that_no_key_finds_is_told(tmp_path: Path) -> None:
    put(tmp_path)
    change_database(tmp_path, "UPDATE Cache SET raw = 0 WHERE key NOT LIKE 'asked:%'")
    assert "is pickled, which mifuse never writes" in problem(tmp_path)


def test_damage_to_the_database_that_no_answer_shows_is_told(tmp_path: Path) -> None:
    put(tmp_path)
    forget_index = "DELETE FROM sqlite_master WHERE type = 'index' AND name = 'Cache_expire_time'"
    change_database(tmp_path, "PRAGMA writable_schema = ON", forget_index)
    found = check(tmp_path)
    assert found.by_key == 1
    assert found.problems[0].startswith("the database is damaged: ")


def test_a_database_with_damaged_pages_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    for draw in range(60):
        put(tmp_path, draw)
    file = tmp_path / "cache.db"
    content = bytearray(file.read_bytes())
    content[8192:-4096] = b"\xff" * (len(content) - 12288)
    file.write_bytes(bytes(content))
    assert any("damaged" in line or "malformed" in line for line in check(tmp_path).problems)


def test_a_file_that_is_no_database_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database " * 500)
    assert "the stored answers cannot be read (file is not a database)" in problem(tmp_path)
    assert count_entries(tmp_path) == 0
