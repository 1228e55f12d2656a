"""Every answer is paid for once: what is asked again, and what never is."""

import shutil

import pytest

from tasks.contracts.errors import KeyMissingError


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(workplace, server):
    workplace.ask()
    first = workplace.draws.read_bytes()
    assert workplace.ask()["calls"] == 0
    assert workplace.draws.read_bytes() == first
    assert server.requests == 6


def test_when_all_answers_are_kept_no_key_is_needed(workplace, server, monkeypatch):
    workplace.ask()
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    assert workplace.ask()["answered"] == 6


def test_without_a_key_nothing_new_is_asked_and_nothing_is_lost(workplace, server, monkeypatch):
    workplace.ask()
    first = workplace.draws.read_bytes()
    workplace.add("new.flac", hz=900)
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(KeyMissingError, match="no API key"):
        workplace.ask()
    assert workplace.draws.read_bytes() == first


def test_adding_a_clip_asks_for_its_draws_alone(workplace, server):
    workplace.ask()
    workplace.add("new.flac", hz=900)
    assert workplace.ask()["calls"] == 2
    assert workplace.table().height == 8
    assert server.requests == 8


def test_removing_a_clip_asks_nothing_and_bringing_it_back_neither(workplace, server):
    workplace.ask()
    first = workplace.draws.read_bytes()
    clip = workplace.clips / "clip1.flac"
    clip.rename(workplace.root / "aside.flac")
    workplace.ask()
    assert workplace.table().height == 4
    (workplace.root / "aside.flac").rename(clip)
    workplace.ask()
    assert workplace.draws.read_bytes() == first
    assert server.requests == 6


def test_raising_the_draws_from_3_to_5_asks_two_more_of_each_clip(workplace, server, gemini):
    workplace.ask(gemini(draws=3))
    three = workplace.table()
    assert workplace.ask(gemini(draws=5))["calls"] == 6
    five = workplace.table()
    assert five.filter(five["draw"] < 3).equals(three)
    assert server.requests == 15


def test_lowering_the_draws_shows_fewer_and_keeps_all(workplace, server, gemini):
    workplace.ask(gemini(draws=3))
    workplace.ask(gemini(draws=1))
    assert workplace.table()["draw"].to_list() == [0, 0, 0]
    assert workplace.ask(gemini(draws=3))["calls"] == 0


def test_renaming_a_file_asks_nothing_and_shows_the_new_name(workplace, server):
    workplace.ask()
    (workplace.clips / "clip0.flac").rename(workplace.clips / "renamed.flac")
    assert workplace.ask()["calls"] == 0
    assert workplace.table()["clip_id"].to_list() == ["clip1", "clip1", "clip2", "clip2", "renamed", "renamed"]


def test_moving_the_clips_to_another_folder_asks_nothing(workplace, server):
    workplace.ask()
    (workplace.clips / "below").mkdir()
    for clip in workplace.clips.glob("*.flac"):
        clip.rename(workplace.clips / "below" / clip.name)
    assert workplace.ask()["calls"] == 0
    assert server.requests == 6


def test_another_recording_under_an_old_name_is_asked(workplace, server):
    workplace.ask()
    workplace.add("clip0.flac", hz=901)
    assert workplace.ask()["calls"] == 2


def test_the_same_recording_under_two_names_is_asked_once_and_shown_twice(workplace, server):
    shutil.copy(workplace.clips / "clip0.flac", workplace.clips / "twin.flac")
    stats = workplace.ask()
    assert (stats["calls"], stats["answered"], server.requests) == (6, 6, 6)
    table = workplace.table_without_times().drop("clip_id")
    assert table.height == 8
    assert table[:2].equals(table[-2:])


@pytest.mark.parametrize("change", [{"temperature": 1.5}, {"seed": 9}, {"model": "gemini-2.5-pro"}], ids=str)
def test_another_question_asks_all_and_going_back_asks_nothing(workplace, server, gemini, change):
    workplace.ask()
    first = workplace.draws.read_bytes()
    assert workplace.ask(gemini(**change))["calls"] == 6
    assert workplace.draws.read_bytes() != first
    assert workplace.ask()["calls"] == 0
    assert workplace.draws.read_bytes() == first
    assert server.requests == 12


def test_other_classes_ask_all(workplace, server):
    workplace.ask()
    assert workplace.ask(classes=["happy", "sad"])["calls"] == 6
    assert workplace.table(["happy", "sad"])["status"].to_list() == ["answered"] * 6


def test_another_patience_or_purse_asks_nothing(workplace, server, gemini):
    workplace.ask()
    assert workplace.ask(gemini(concurrency=1, attempts=1, min_answered=0.5, max_cost_usd=5))["calls"] == 0


def test_another_folder_of_answers_knows_nothing_of_them(workplace, server):
    workplace.ask()
    assert workplace.ask(answers=workplace.root / "elsewhere")["calls"] == 6
