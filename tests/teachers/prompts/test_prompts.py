"""Prompts ship with the package and name the classes."""

import hashlib
import re

import pytest

from tasks.teachers.prompts import known_prompts, prompt_facts, prompt_id, prompt_text

# Of the text as it is sent to ["angry", "sad"], by versions whose answers users have paid for.
SENT_SHA256 = {
    "emotion-v1": "d1f0a402d7ada73a1625a01975170f994066a55c33a3986a98ecd4c2ff2b05ac",
}


@pytest.mark.parametrize("prompt", SENT_SHA256)
def test_a_prompt_that_was_paid_for_is_sent_to_the_letter_as_it_was(prompt: str):
    """Answers are kept by this text: one more space would ask, and pay for, every clip again."""
    sent = prompt_text(prompt, ["angry", "sad"])
    assert hashlib.sha256(sent.encode()).hexdigest() == SENT_SHA256[prompt]


@pytest.mark.parametrize("prompt", known_prompts())
def test_every_prompt_names_the_classes_on_the_same_line_and_leaves_no_gap_to_fill(prompt: str):
    text = prompt_text(prompt, ["angry", "very sad"])
    assert "The emotions to choose from are: angry, very sad." in text.splitlines()
    assert not re.search(r"\{\w*\}", text)
    assert text == text.strip()


@pytest.mark.parametrize("prompt", known_prompts())
def test_every_shipped_prompt_says_whom_it_is_for_and_what_it_asks_and_does_not_send_that(prompt: str):
    assert None not in prompt_facts(prompt)
    assert "---" not in prompt_text(prompt, ["angry"])


def test_the_wordings_of_one_question_differ():
    texts = {prompt_text(f"emotion-v{n}", ["angry", "sad"]) for n in (1, 2, 3)}
    assert len(texts) == 3


@pytest.mark.parametrize("prompt", ["emotion-v1", "emotion-v2", "emotion-v3"])
def test_the_wordings_of_one_question_ask_for_the_same(prompt: str):
    assert prompt_facts(prompt) == ("audio", "distribution")


def test_a_prompt_that_asks_for_a_label_says_so():
    assert prompt_facts("label-v1") == ("audio", "label")


def test_braces_of_an_example_are_sent_as_they_stand():
    assert '{"label": "…"}' in prompt_text("label-v1", ["angry"])


def test_the_same_prompt_over_other_classes_is_another_text():
    assert prompt_text("emotion-v1", ["angry", "sad"]) != prompt_text("emotion-v1", ["sad", "angry"])


def test_a_shipped_prompt_is_called_by_its_id():
    assert prompt_id("emotion-v1") == "emotion-v1"


def test_an_unknown_prompt_is_refused_and_the_known_ones_are_named():
    told = (
        r'no prompt "emotion-v0"; known: emotion-v1, emotion-v2, .*\. Did you mean "emotion-v\d"\? A file of your own'
    )
    with pytest.raises(ValueError, match=told):
        prompt_text("emotion-v0", ["angry"])


def test_a_prompt_that_resembles_none_gets_no_proposal():
    with pytest.raises(
        ValueError, match=r'no prompt "x"; known: .*label-v1.*[^?] A file of your own is named with its'
    ):
        prompt_text("x", ["angry"])
