"""What a server said can stand in a message, and no part of a key ever does."""

import pytest

from tasks.asking.told import told

KEY = "sk-proj-made-up-0123456789wxyz"


def test_a_page_of_words_becomes_one_line_of_bearable_length():
    text = told("Bad\n gateway  " * 100)
    assert text.startswith("Bad gateway Bad gateway")
    assert text.endswith("…")
    assert len(text) <= 301


def test_a_short_text_stays_as_it_is_but_for_its_full_stop():
    assert told("429 Too many requests.") == "429 Too many requests"


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        f"'{KEY}'.",
        f"Bearer:{KEY}",
        "sk-proj-************wxyz",
        "sk-pr***wxyz",
        "***wxyz",
        "sk-proj-made",
        "sk-other",
    ],
)
def test_a_key_or_a_part_of_it_is_hidden(shown):
    assert told(f"401 Incorrect API key provided: {shown} Find yours there", KEY) == (
        "401 Incorrect API key provided: [key] Find yours there"
    )


def test_a_key_of_any_other_shape_is_hidden_too():
    assert told("token AbCdEf123456 is not known", "AbCdEf123456") == "token [key] is not known"


def test_without_a_key_all_words_stay():
    assert told("The model `x` does not exist") == "The model `x` does not exist"


def test_a_hyphenated_word_is_no_key():
    assert told("risk-free task-queue") == "risk-free task-queue"
