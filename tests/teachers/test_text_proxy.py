"""How a clip was spoken, in words: the same words for the same voice, whatever else is in the corpus, and read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.provider import QuestionRejectedError
from tasks.teachers.prosody import USUAL, Prosody, measure_prosody
from tasks.teachers.text_proxy import VERSION, describe, levels_of


def spoken(**deviations: float) -> Prosody:
    """Neutral speech, so many usual deviations off."""
    return Prosody(**{name: typical + deviations.get(name, 0) * usual for name, (typical, usual) in USUAL.items()})


NEUTRAL = """How it was said, compared with neutral speech of adults:
- Volume: medium
- Pitch: medium
- Pitch range: medium
- Pitch movement: medium
- Pitch contour: medium
- Speaking rate: medium
- Voice: medium
- Tone colour: medium"""


def test_neutral_speech_is_medium_in_everything():
    assert describe(["prosody"], spoken(), None) == NEUTRAL


def test_a_voice_in_its_own_words():
    """These are the words of version 1: with other words, or other usual values, the version must be another."""
    heard = spoken(level_dbfs=2, pitch_st=1, pitch_range_st=1, pitch_motion_st_s=2, rate_hz=-1, brightness_db=-2)
    assert VERSION == 1
    assert describe(["prosody"], heard, None).split("\n")[1:] == [
        "- Volume: very loud",
        "- Pitch: high",
        "- Pitch range: wide",
        "- Pitch movement: very lively",
        "- Pitch contour: medium",
        "- Speaking rate: slow",
        "- Voice: medium",
        "- Tone colour: very dull",
    ]


def test_the_usual_values_are_those_of_version_1():
    """Other ones change the words of clips that were paid for."""
    assert VERSION == 1
    assert list(USUAL.values()) == [
        (-30.0, 10.0),
        (30.0, 6.0),
        (7.0, 3.0),
        (27.0, 8.0),
        (0.8, 0.1),
        (4.8, 0.8),
        (0.83, 0.08),
        (-15.0, 4.0),
    ]


@pytest.mark.parametrize(
    ("deviation", "word"),
    [
        (-1.6, "very low"),
        (-1.4, "low"),
        (-0.6, "low"),
        (0.4, "medium"),
        (0.6, "high"),
        (1.4, "high"),
        (1.6, "very high"),
    ],
)
def test_a_level_begins_at_half_and_at_one_and_a_half_deviations(deviation: float, word: str):
    assert f"- Pitch: {word}\n" in describe(["prosody"], spoken(pitch_st=deviation), None)


usual_voices = st.builds(
    spoken, **{name: st.floats(-2.4, 2.4).filter(lambda d: abs(d % 1 - 0.5) > 0.01) for name in USUAL}
)


@given(usual_voices)
def test_what_is_read_back_is_each_number_rounded_to_a_whole_deviation(heard: Prosody):
    """Written literally a second time; `usual_voices` stays off the thresholds, where one rounding decides."""
    expected = {
        name: float(max(-2, min(2, round((getattr(heard, name) - typical) / usual))))
        for name, (typical, usual) in USUAL.items()
    }
    assert levels_of(describe(["prosody"], heard, None)) == expected


@given(usual_voices, st.text())
def test_no_transcript_changes_what_is_read_back_of_the_voice(heard: Prosody, transcript: str):
    """Not even one that looks like a line about the voice."""
    told = describe(["prosody", "transcript"], heard, transcript)
    assert levels_of(told) == levels_of(describe(["prosody"], heard, None))


def test_a_transcript_that_speaks_of_a_volume_is_no_volume():
    assert levels_of(describe(["transcript"], None, "yes\n- Volume: very loud\nVolume: quiet")) == {}


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_any_finite_number_has_a_level(number: float):
    heard = Prosody(**dict.fromkeys(USUAL, number))
    assert all(level in (-2, -1, 0, 1, 2) for level in levels_of(describe(["prosody"], heard, None)).values())


def test_samples_are_measured(voice):
    wave = voice(200)
    assert describe(["prosody"], wave, None) == describe(["prosody"], measure_prosody(wave), None)


def test_a_louder_recording_of_a_voice_is_louder_and_nothing_else(voice):
    quiet, loud = (levels_of(describe(["prosody"], voice() * gain, None)) for gain in (0.03, 3))
    assert loud.pop("level_dbfs") - quiet.pop("level_dbfs") >= 2
    assert loud == quiet


def test_silence_has_no_pitch_and_no_tone_colour_and_not_low_ones():
    told = describe(["prosody"], np.zeros(16_000, dtype=np.float32), None)
    assert "- Volume: very quiet" in told
    for name in ("Pitch", "Pitch range", "Pitch movement", "Pitch contour", "Tone colour"):
        assert f"- {name}: not measurable" in told


def test_what_could_not_be_measured_is_not_read_back_as_a_number():
    levels = levels_of(describe(["prosody"], np.zeros(16_000, dtype=np.float32), None))
    assert set(levels) == {"level_dbfs", "rate_hz", "voiced_share"}


def test_the_transcript_stands_in_quotation_marks_in_one_line():
    told = describe(["transcript"], None, "  Das will sie\n am  »Mittwoch« abgeben. ")
    assert told == 'What was said: "Das will sie am »Mittwoch« abgeben."'


def test_prosody_comes_before_the_transcript_whatever_order_is_asked_for():
    both = describe(["transcript", "prosody"], spoken(), "yes")
    assert both == f'{NEUTRAL}\nWhat was said: "yes"'


@pytest.mark.parametrize("transcript", [None, "", " \n"])
def test_a_clip_without_a_transcript_says_so(transcript: str | None):
    told = describe(["prosody", "transcript"], spoken(), transcript)
    assert told.endswith("\nWhat was said: no transcript")


def test_a_clip_of_which_those_words_are_the_transcript_says_something_else():
    assert describe(["transcript"], None, "no transcript") == 'What was said: "no transcript"'


@pytest.mark.parametrize("transcript", [None, "", " "])
def test_a_clip_of_which_nothing_is_known_is_not_asked_about(transcript: str | None):
    """The answer would be the model's habit, and paid."""
    message = r"has no transcript, and the teacher is told of nothing else.*`reads: \[transcript, prosody\]`"
    with pytest.raises(QuestionRejectedError, match=message) as caught:
        describe(["transcript"], None, transcript)
    assert not caught.value.for_all


def test_what_is_not_asked_for_is_not_told():
    assert "said:" not in describe(["prosody"], spoken(), "yes").replace("How it was said", "")
    assert "Volume" not in describe(["transcript"], spoken(), "yes")


def test_prosody_of_nothing_heard_is_refused():
    with pytest.raises(ValueError, match="nothing was heard: pass samples or their prosody"):
        describe(["prosody"], None, "yes")


def test_a_text_about_nothing_is_refused():
    with pytest.raises(ValueError, match=r'reads "prosody", "transcript" or both, got \[\'words\'\]'):
        describe(["words"], spoken(), "yes")


def test_each_word_is_read_back_as_its_own_level():
    """No two levels of one line share a word, and the words go from low to high."""
    for name in USUAL:
        levels = [levels_of(describe(["prosody"], spoken(**{name: float(d)}), None))[name] for d in range(-2, 3)]
        assert levels == [-2, -1, 0, 1, 2]
