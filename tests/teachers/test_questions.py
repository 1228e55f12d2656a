"""What one call is sent: the file's bytes where a provider takes them, else the same sound, else words about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from tasks.asking.provider import NotSentError
from tasks.storage.audio import read_audio
from tasks.storage.files import sha256_of_file
from tasks.teachers.anthropic_proxy import AnthropicSettings
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.paid import PaidTeacher
from tasks.teachers.questions import Questions
from tasks.teachers.wanted import Asking

CLASSES = ["angry", "sad"]


def asking_about(path: Path, teacher: PaidTeacher, draws: int = 1, transcript: str | None = None):
    """The questions about one file, and its draws."""
    asking = Asking(teacher, CLASSES)
    row = {"sha256": sha256_of_file(path), "path": path.name, "duration_s": 1.0, "transcript": transcript}
    clips = pl.DataFrame([row], schema_overrides={"transcript": pl.String})
    return Questions(asking, path.parent), asking.wanted(clips, range(draws))


def test_a_file_is_sent_as_it_is(tmp_path: Path, write_tone: Callable[..., Path]) -> None:
    path = write_tone(tmp_path / "a.wav")
    questions, [want] = asking_about(path, GeminiSettings())
    question = questions.question(want, (0,))
    assert (question.audio, question.mime_type) == (path.read_bytes(), "audio/wav")
    assert "The emotions to choose from are: angry, sad." in question.prompt


def test_a_recording_that_changed_after_it_was_indexed_is_not_asked_about(tmp_path, write_tone) -> None:
    """Its answer would be kept for ever under the other recording's key."""
    path = write_tone(tmp_path / "a.wav")
    questions, [want] = asking_about(path, GeminiSettings())
    shutil.copy(write_tone(tmp_path / "b.wav", hz=300), path)
    with pytest.raises(NotSentError, match=r"a\.wav: has changed since it was indexed; run again"):
        questions.question(want, (0,))


def test_a_recording_that_is_gone_is_told(tmp_path, write_tone) -> None:
    path = write_tone(tmp_path / "a.wav")
    questions, [want] = asking_about(path, GeminiSettings())
    path.unlink()
    with pytest.raises(NotSentError, match=r"a\.wav: cannot be read \(No such file"):
        questions.question(want, (0,))


def test_a_recording_that_is_too_large_to_send_is_sent_as_flac(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, size=(48_000 * 40, 2))
    soundfile.write(path, noise, 48_000, subtype="PCM_24")
    questions, [want] = asking_about(path, GeminiSettings())
    question = questions.question(want, (0,))
    assert question.mime_type == "audio/flac"
    assert len(question.audio) < 2_000_000
    assert len(read_audio(question.audio)) == 16_000 * 40


def test_a_text_proxy_is_sent_words_and_no_audio(tmp_path, write_tone) -> None:
    path = write_tone(tmp_path / "a.wav")
    teacher = AnthropicSettings(reads=["prosody", "transcript"])
    questions, [want] = asking_about(path, teacher, transcript="Leave me alone")
    question = questions.question(want, (0,))
    assert question.audio == b""
    assert question.text is not None
    assert '"Leave me alone"' in question.text
    assert "Pitch: " in question.text


def test_a_corrected_transcript_is_another_question_only_for_those_who_read_it(tmp_path, write_tone) -> None:
    path = write_tone(tmp_path / "a.wav")
    both, heard = AnthropicSettings(reads=["prosody", "transcript"]), AnthropicSettings()
    assert asking_about(path, both, transcript="a")[1][0].key != asking_about(path, both, transcript="b")[1][0].key
    assert asking_about(path, heard, transcript="a")[1][0].key == asking_about(path, heard, transcript="b")[1][0].key


@pytest.mark.parametrize(
    ("per_call", "calls"),
    [(1, [(0,), (1,), (2,), (3,), (4,)]), (2, [(0, 1), (2, 3), (4,)]), (8, [(0, 1, 2, 3, 4)])],
)
def test_a_call_asks_for_so_many_draws_of_one_clip(tmp_path, write_tone, per_call, calls) -> None:
    questions, wanted = asking_about(write_tone(tmp_path / "a.wav"), GeminiSettings(), draws=5)
    assert [job.draws for job in questions.jobs(wanted, per_call)] == calls


def test_draws_of_different_prompts_never_share_a_call(tmp_path, write_tone) -> None:
    teacher = GeminiSettings(prompt=["emotion-v1", "emotion-v2"])
    questions, wanted = asking_about(write_tone(tmp_path / "a.wav"), teacher, draws=4)
    jobs = list(questions.jobs(wanted, per_call=4))
    assert sorted(job.draws for job in jobs) == [(0, 2), (1, 3)]
    assert jobs[0].read((0, 2)).prompt != jobs[1].read((1, 3)).prompt
