"""`draws/<teacher>.parquet`: one row per clip and draw, with the raw answer, what was read from it and what it cost."""

from datetime import UTC, datetime

import pytest

from tasks.asking.money import price_list
from tasks.asking.reading import read_answer
from tasks.contracts.errors import ClipsError, SettingsError
from tasks.contracts.tables import p_columns
from tasks.teachers.simulated import SimulatedSettings

CLASSES = ["angry", "happy", "neutral", "sad"]


def test_every_clip_has_each_of_its_draws_in_order(workplace, server, gemini):
    workplace.ask(gemini(draws=3))
    rows = workplace.table().select("clip_id", "draw").rows()
    assert rows == [(f"clip{clip}", draw) for clip in range(3) for draw in range(3)]
    assert server.requests == 9


def test_the_probabilities_are_what_the_raw_answer_says(workplace, server):
    workplace.ask()
    table = workplace.table()
    assert table["status"].to_list() == ["answered"] * 6
    for row in table.iter_rows(named=True):
        assert [row[name] for name in p_columns(CLASSES)] == read_answer(row["raw_answer"], CLASSES)


def test_every_answer_tells_who_gave_it_to_what_question_and_when(workplace, server):
    before = datetime.now(UTC).replace(microsecond=0)
    workplace.ask()
    table = workplace.table()
    assert set(table["model_version"]) == {"simulated-prosody-1"}
    assert set(table["prompt_id"]) == {"emotion-v1"}
    assert all(before <= datetime.fromisoformat(when) <= datetime.now(UTC) for when in table["answered_at"])
    assert table["latency_s"].min() > 0


def test_every_answer_is_priced_by_its_tokens(workplace, server):
    workplace.ask()
    price = price_list()["gemini-2.5-flash"]
    for row in workplace.table().iter_rows(named=True):
        audio = 16  # half a second at 32 a second
        text = row["input_tokens"] - audio
        usd = (audio * price.audio_input + text * price.text_input + row["output_tokens"] * price.output) / 1e6
        assert usd > 0
        assert row["cost_usd"] == pytest.approx(usd)


def test_a_model_without_a_price_has_unknown_costs_and_not_zero(workplace, server, gemini):
    workplace.ask(gemini(model="gemini-99"))
    assert workplace.table()["cost_usd"].null_count() == 6


def test_a_ceiling_cannot_be_kept_for_a_model_without_a_price_and_nothing_is_asked(workplace, server, gemini):
    with pytest.raises(SettingsError, match=r"(?s)(?=.*gemini-99)(?=.*price)"):
        workplace.ask(gemini(model="gemini-99", max_cost_usd=1))
    assert server.requests == 0


def test_the_stage_tells_what_it_did(workplace, server):
    stats = workplace.ask()
    table = workplace.table()
    assert (stats["calls"], stats["answered"], stats["unfinished"]) == (6, 6, None)
    assert (stats["refused"], stats["unparsable"], stats["failed"]) == (0, 0, 0)
    assert stats["input_tokens"] == table["input_tokens"].sum()
    assert stats["output_tokens"] == table["output_tokens"].sum()
    assert stats["cost_usd"] == pytest.approx(table["cost_usd"].sum(), abs=1e-6)


def test_the_same_seed_gives_the_same_table_but_for_the_times(workplace, server):
    tables = []
    for answers in ("first", "second"):
        workplace.ask(answers=workplace.root / answers)
        tables.append(workplace.table_without_times())
    assert tables[0].equals(tables[1])
    assert server.requests == 12


def test_the_free_teacher_needs_neither_key_nor_server_and_costs_nothing(workplace, monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    stats = workplace.ask(SimulatedSettings(draws=2))
    assert (stats["answered"], stats["cost_usd"]) == (6, 0)


def test_quarantined_clips_are_neither_asked_nor_in_the_table(workplace, server):
    workplace.add("silent.flac", level=0.0)
    (workplace.clips / "broken.flac").write_bytes(b"not a recording")
    workplace.ask()
    assert workplace.table()["clip_id"].unique(maintain_order=True).to_list() == ["clip0", "clip1", "clip2"]
    assert server.requests == 6


def test_when_all_clips_are_quarantined_the_reasons_are_told(workplace, server):
    for clip in workplace.clips.iterdir():
        clip.write_bytes(b"not a recording")
    with pytest.raises(ClipsError, match=r"all 3 clips are quarantined: 3 × unreadable"):
        workplace.ask()
    assert server.requests == 0


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_every_kind_of_audio_file_is_sent_and_understood(workplace, server, ending):
    for clip in workplace.clips.iterdir():
        clip.unlink()
    workplace.add(f"clip{ending}", rate_hz=48_000)
    workplace.ask()
    assert workplace.table()["status"].to_list() == ["answered"] * 2


def test_a_file_with_an_unknown_ending_does_not_keep_the_others_from_being_asked(workplace, server):
    """A manifest can name any file, and libsndfile does not look at endings."""
    (workplace.clips / "clip0.flac").rename(workplace.clips / "clip0.sound")
    manifest = workplace.root / "manifest.csv"
    manifest.write_text("path\nclip0.sound\nclip1.flac\n")
    workplace.ask(manifest=manifest)
    assert workplace.table().filter(clip_id="clip1")["status"].to_list() == ["answered"] * 2


def test_a_recording_that_vanished_after_it_was_listed_fails_alone_with_its_name(workplace, server, monkeypatch):
    """A crash would throw away the paid answers of the calls under way."""
    clips = workplace.index()
    monkeypatch.setattr(type(workplace), "index", lambda self, manifest=None: clips)
    (workplace.clips / "clip1.flac").unlink()
    workplace.ask()
    table = workplace.table()
    assert table["status"].to_list() == ["answered"] * 2 + ["failed"] * 2 + ["answered"] * 2
    assert table["reason"].drop_nulls().str.contains("clip1.flac", literal=True).all()
