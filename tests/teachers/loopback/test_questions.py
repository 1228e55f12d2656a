"""The classes and the kind of answer are read from the schema, or from the prompt's own line."""

import hashlib

import pytest

from tasks.asking.reading import answer_schema
from tasks.teachers.loopback.questions import Question, read_wanted
from tasks.teachers.prompts import known_prompts, prompt_text

CLASSES = ["angry", "happy", "sad"]


@pytest.mark.parametrize("answer", ["distribution", "label"])
def test_the_products_own_schemas_are_read(answer):
    assert read_wanted(answer_schema(CLASSES, answer), "?") == (tuple(CLASSES), answer)


@pytest.mark.parametrize("prompt", known_prompts())
def test_every_shipped_prompt_names_the_classes(prompt):
    classes, answer = read_wanted(None, prompt_text(prompt, CLASSES))
    assert classes == tuple(CLASSES)
    assert (answer == "label") == ("label" in prompt)


def test_the_schema_goes_before_the_prompt():
    assert read_wanted(answer_schema(["sad"]), prompt_text("emotion-v1", CLASSES))[0] == ("sad",)


def test_a_label_without_names_is_refused():
    with pytest.raises(ValueError, match='asks for "label", which is not a number'):
        read_wanted({"properties": {"label": {"type": "string"}}}, "?")


def test_without_schema_and_line_the_message_shows_the_line():
    with pytest.raises(ValueError, match=r'no response schema.* "The emotions to choose from are: a, b\."'):
        read_wanted(None, "How does he feel?")


def test_a_text_stands_for_audio_that_is_not_there():
    assert Question("?", ("sad",)).sha256 == hashlib.sha256(b"?").hexdigest()
    assert Question("?", ("sad",), audio=b"x").sha256 == hashlib.sha256(b"x").hexdigest()
