"""Chosen answers are taken out of the store, nothing else; the disk gets its space back."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from filelock import FileLock

from tasks.contracts.errors import CacheError
from tasks.storage.answers import AnswerStore, KeysOf, Spent, StoredAnswer
from tasks.storage.answers_census import take_census
from tasks.storage.answers_check import check_answers
from tasks.storage.answers_removal import (
    Chosen,
    Selection,
    choose_answers,
    nobody_asking_any,
    remove_answers,
)
from tasks.storage.asking_locks import asking_lock
from tests.storage.kept_answers import AUDIO, MODEL, asked_of, edit, put, put_unnoted, write

OTHER = "gemini-2.5-pro"


def select(models: tuple[str, ...] = (), prompts: tuple[str, ...] = (), statuses: tuple[str, ...] = ()) -> Selection:
    return Selection(frozenset(models), frozenset(prompts), frozenset(statuses))


def remove(folder: Path, selection: Selection) -> Chosen:
    chosen = choose_answers(folder, selection)
    remove_answers(folder, chosen)
    return chosen


def left(folder: Path, *keys: str) -> list[bool]:
    with AnswerStore(folder) as store:
        return [key in store for key in keys]


def test_one_models_answers_go_and_the_others_stay(tmp_path: Path) -> None:
    keys = put(tmp_path), put(tmp_path, asked=asked_of(OTHER))
    remove(tmp_path, select(models=(OTHER,)))
    assert left(tmp_path, *keys) == [True, False]


def test_older_answers_are_chosen_by_who_answered(tmp_path: Path) -> None:
    keys = put(tmp_path), put_unnoted(tmp_path)
    remove(tmp_path, select(models=("old-1",)))
    assert left(tmp_path, *keys) == [True, False]


def test_one_prompts_answers_go_and_older_ones_stay_whose_prompt_is_unknown(tmp_path: Path) -> None:
    two = put(tmp_path, asked=asked_of(prompt="What?"), prompt_id="emotion-v2")
    keys = put(tmp_path), two, put_unnoted(tmp_path)
    remove(tmp_path, select(prompts=("emotion-v2",)))
    assert left(tmp_path, *keys) == [True, False, True]


def test_refused_answers_go(tmp_path: Path) -> None:
    keys = put(tmp_path, 0), put(tmp_path, 1, refusal="SAFETY")
    remove(tmp_path, select(statuses=("refused",)))
    assert left(tmp_path, *keys) == [True, False]


def test_a_choice_by_model_and_status_takes_what_fits_both(tmp_path: Path) -> None:
    keys = put(tmp_path, refusal="SAFETY"), put(tmp_path, asked=asked_of(OTHER)), put(tmp_path, 1)
    assert remove(tmp_path, select(models=(MODEL,), statuses=("refused",))).answers == 1
    assert left(tmp_path, *keys) == [False, True, True]


def test_superseded_answers_go_and_what_replaced_them_stays(tmp_path: Path) -> None:
    key = put(tmp_path, refusal="SAFETY")
    put(tmp_path)
    chosen = remove(tmp_path, select(statuses=("superseded",)))
    assert (chosen.answers, chosen.superseded) == (0, 1)
    assert left(tmp_path, key, f"old:{key}:2026-11-21T03:00:00+00:00") == [True, False]


def test_damaged_entries_go_and_then_the_store_is_sound(tmp_path: Path) -> None:
    kept, moved = put(tmp_path, 0), put(tmp_path, 1)
    edit(tmp_path, moved, draw=7)
    write(tmp_path, "ef" * 32, {"a": "pickle"})
    write(tmp_path, ("a", "pickle"), b"{}")
    assert remove(tmp_path, select(statuses=("damaged",))).damaged == 3
    assert left(tmp_path, kept, moved) == [True, False]
    assert check_answers(tmp_path, lambda: None).problems == []


def test_what_cannot_be_read_has_no_model(tmp_path: Path) -> None:
    put(tmp_path)
    write(tmp_path, "ef" * 32, b"")
    assert choose_answers(tmp_path, select(models=(MODEL,))).damaged == 0


def test_what_was_spent_stays_when_all_answers_go(tmp_path: Path) -> None:
    put(tmp_path)
    with AnswerStore(tmp_path) as store:
        store.charge(MODEL, Spent(1, 10, 0.5, 0.1))
    before = take_census(tmp_path).spent
    remove(tmp_path, select())
    assert take_census(tmp_path).answers == 0
    assert list(before.values()) == [Spent(1, 10, 0.5, 0.1)]
    assert take_census(tmp_path).spent == before


def test_a_damaged_sum_of_what_was_spent_stays(tmp_path: Path) -> None:
    write(tmp_path, "spent:m:2026-11-21T03", b'{"usd": "much"}')
    assert choose_answers(tmp_path, select()).rowids == []


def test_what_would_be_paid_again_is_told(tmp_path: Path) -> None:
    put(tmp_path, 0)
    put(tmp_path, 1, cost_usd=None, refusal="SAFETY")
    put(tmp_path, 0, cost_usd=0.5)
    chosen = choose_answers(tmp_path, select())
    assert (chosen.answers, chosen.refused, chosen.usd, chosen.unpriced, chosen.superseded) == (2, 1, 0.5, 1, 1)


def test_choosing_removes_nothing(tmp_path: Path) -> None:
    key = put(tmp_path)
    choose_answers(tmp_path, select())
    assert left(tmp_path, key) == [True]


def test_a_long_answers_file_goes_with_it(tmp_path: Path) -> None:
    put(tmp_path, 0, text="x" * 100_000)
    put(tmp_path, 1, asked=asked_of(OTHER), text="x" * 100_000)
    remove(tmp_path, select(models=(OTHER,)))
    assert len(list(tmp_path.rglob("*.val"))) == 1


def test_the_database_gives_its_space_back(tmp_path: Path) -> None:
    for draw in range(50):
        put(tmp_path, draw, text="x" * 20_000)
    before = (tmp_path / "cache.db").stat().st_size
    remove(tmp_path, select())
    assert before > 1_000_000
    assert (tmp_path / "cache.db").stat().st_size < 100_000


def fill(folder: Path, models: tuple[str, ...]) -> int:
    """Two hundred answers of each model, in turns; how large that is."""
    asked = [KeysOf(asked_of(model)) for model in models]
    answer = StoredAnswer("x" * 60, None, "v1", 9, 1, 0.25, 1.0, "2026-11-21T03:00:00+00:00", None, AUDIO)
    with AnswerStore(folder) as store:
        for draw, keys in product(range(200), asked):
            store.note_asked(keys, "emotion-v1")
            store.put(keys.key(AUDIO, draw), replace(answer, asked_id=keys.asked_id, draw=draw))
    return (folder / "cache.db").stat().st_size


def test_answers_between_others_give_their_space_back_too(tmp_path: Path) -> None:
    """SQLite by itself would leave its pages half full."""
    alone = fill(tmp_path / "alone", (MODEL,))
    fill(tmp_path / "both", (MODEL, OTHER))
    remove(tmp_path / "both", select(models=(OTHER,)))
    assert (tmp_path / "both" / "cache.db").stat().st_size < 1.2 * alone


def test_a_store_that_is_open_elsewhere_goes_on(tmp_path: Path) -> None:
    with AnswerStore(tmp_path) as store:
        key = put(tmp_path)
        assert key in store
        remove(tmp_path, select())
        assert key not in store
        put(tmp_path)
        assert key in store


def test_a_run_that_asks_keeps_answers_from_being_removed(tmp_path: Path) -> None:
    put(tmp_path)
    with (
        FileLock(asking_lock(tmp_path, MODEL)),
        pytest.raises(CacheError, match=r"asking-gemini-2\.5-flash\.lock: a run is asking right now.*Nothing was rem"),
        nobody_asking_any(tmp_path),
    ):
        pass


def test_a_run_that_asks_a_model_of_which_nothing_is_noted_yet_is_noticed_by_its_lock(tmp_path: Path) -> None:
    put(tmp_path)
    with (
        FileLock(asking_lock(tmp_path, "org/new model")),
        pytest.raises(CacheError, match=r"asking-org_new_model\.lock: a run is asking"),
        nobody_asking_any(tmp_path),
    ):
        pass


def test_a_lock_that_an_ended_run_left_is_no_hindrance_and_is_let_go(tmp_path: Path) -> None:
    put(tmp_path)
    with FileLock(asking_lock(tmp_path, MODEL)):
        pass
    with nobody_asking_any(tmp_path):
        pass
    FileLock(asking_lock(tmp_path, MODEL)).acquire(timeout=0).lock.release()
