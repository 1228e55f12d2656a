"""Prompts ship with the package and name the classes."""

import pytest

from tasks.teachers.prompts import known_prompts, prompt_text


def test_the_default_prompt_ships():
    assert "emotion-v1" in known_prompts()


@pytest.mark.parametrize("prompt_id", known_prompts())
def test_every_prompt_names_the_classes_and_leaves_no_gap_to_fill(prompt_id: str):
    text = prompt_text(prompt_id, ["angry", "very sad"])
    assert "angry, very sad" in text
    assert "{" not in text
    assert text == text.strip()


def test_the_same_prompt_over_other_classes_is_another_text():
    assert prompt_text("emotion-v1", ["angry", "sad"]) != prompt_text("emotion-v1", ["sad", "angry"])


def test_an_unknown_prompt_is_refused_and_the_known_ones_are_named():
    with pytest.raises(ValueError, match=r'no prompt "emotion-v0"; known: .*emotion-v1'):
        prompt_text("emotion-v0", ["angry"])


def test_a_prompt_is_looked_up_by_name_and_never_by_path():
    with pytest.raises(ValueError, match=r'no prompt "\.\./prompts/emotion-v1"'):
        prompt_text("../prompts/emotion-v1", ["angry"])
