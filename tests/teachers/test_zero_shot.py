"""A zero-shot teacher's settings: which draws they ask for, and what in them is refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.encoders.prompts import text_of
from tasks.teachers.zero_shot import ZeroShotSettings, missing_model, mistakes_in_zero_shot

CLASSES = ["angry", "sad"]


def settings(**given: Any) -> ZeroShotSettings:
    return ZeroShotSettings.model_validate({"model": "org/clap", "revision": "1a2b", **given})


def mistakes(has_source: bool = True, **given: Any) -> list[str]:
    return list(mistakes_in_zero_shot("clap", settings(**given), CLASSES, has_source))


def test_by_default_there_is_a_draw_for_each_of_three_prompts() -> None:
    asked = settings().asked([(1, 1)])
    assert [draw.prompt for draw in asked] == ["{e}", "this person sounds {e}.", "speech with {e} emotion"]
    assert settings().draws == len(asked) == 3


def test_draws_go_prompt_by_prompt_and_of_each_prompt_pair_by_pair() -> None:
    given = settings(prompts=["{e}", "a {e} voice"], repeats=[[1, 1], [3, 2]])
    pairs = [(1, 1), (3, 2)]
    assert given.repeats == pairs
    assert [tuple(draw) for draw in given.asked(pairs)] == [
        ("{e}", 1, 1), ("{e}", 3, 2), ("a {e} voice", 1, 1), ("a {e} voice", 3, 2)
    ]  # fmt: skip


def test_with_chosen_repeats_there_is_a_draw_for_each_prompt() -> None:
    assert settings(repeats="chosen").draws == 3


def test_the_word_is_repeated_and_not_the_prompt() -> None:
    assert text_of("this person sounds {e}.", "angry", 2) == "this person sounds angry angry."


def test_a_class_is_called_by_its_words_or_else_by_its_name() -> None:
    given = settings(words={"angry": ["angry", "furious"], "sad": "down"})
    assert [given.words_of(name) for name in ("angry", "sad", "very-calm")] == [
        ["angry", "furious"],
        ["down"],
        ["very calm"],
    ]


def test_the_encoder_repeats_the_audio() -> None:
    encoder = settings().encoder(4)
    assert (encoder.kind, encoder.model, encoder.revision, encoder.audio_repeats) == ("clap", "org/clap", "1a2b", 4)


def test_where_the_model_lies_is_no_part_of_the_settings_fingerprint(tmp_path: Path) -> None:
    elsewhere = ZeroShotSettings(model=str(tmp_path))
    assert elsewhere.fingerprint() == settings().fingerprint()
    assert settings(prompts=["{e}", "{e}!"]).fingerprint() != settings().fingerprint()


def test_the_version_names_a_model_on_the_hub_with_its_revision() -> None:
    assert settings().told_version() == "org/clap@1a2b, zero-shot, float32"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prompts": ["angry", "{e}"]}, r'"angry" needs \{e\} once, where the emotion goes'),
        ({"prompts": ["{e}", "{e}"]}, "each must stand there once: a draw twice would pass for agreement"),
        ({"prompts": ["{e}"]}, "are a single draw, which cannot disagree with itself: give at least two `prompts`"),
        ({"prompts": ["{e}"], "repeats": "chosen"}, "are a single draw"),
        ({"repeats": [[1, 1], [1, 1]]}, "each must stand there once"),
        ({"repeats": [[0, 1]]}, "greater than or equal to 1"),
        ({"repeats": [[1, 17]]}, "less than or equal to 16"),
        ({"grid": [1, 2]}, "`grid` is what `repeats: chosen` chooses from"),
        ({"repeats": "chosen", "grid": [2, 3]}, "`grid` needs 1: no repeats at all"),
        ({"words": {"sad": []}}, "at least 1 item"),
        ({"words": {"sad": ["low", "low"]}}, "each must stand there once"),
        ({"revision": None}, '"org/clap" is a name on the hub and needs `revision`'),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(**given)


def test_words_of_a_class_that_the_pipeline_has_not_are_a_mistake() -> None:
    assert mistakes(words={"hapy": "happy"}) == ['teachers.clap.words: no class "hapy"; known: angry, sad']


def test_two_classes_of_the_same_words_are_a_mistake() -> None:
    assert mistakes(words={"angry": "sad"}) == [
        "teachers.clap.words: angry and sad have the same words, so nothing tells them apart"
    ]


def test_chosen_repeats_without_labelled_clips_are_a_mistake() -> None:
    (told,) = mistakes(has_source=False, repeats="chosen")
    assert told.startswith("teachers.clap.repeats: chosen needs labelled clips to choose on, and there is no `source`")


def test_sound_settings_have_no_mistake() -> None:
    assert mistakes() == mistakes(repeats="chosen", words={"angry": ["angry", "cross"]}) == []


def test_a_folder_that_is_not_there_is_told_and_a_name_on_the_hub_is_not(tmp_path: Path) -> None:
    assert missing_model(ZeroShotSettings(model=str(tmp_path / "none"))) == tmp_path / "none"
    assert missing_model(ZeroShotSettings(model=str(tmp_path))) is None
    assert missing_model(settings()) is None
