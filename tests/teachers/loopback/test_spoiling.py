"""A fault spoils what was said in the way its name tells, for one label as for numbers."""

import json
import math

import pytest

from tasks.teachers.loopback.faults import Fault
from tasks.teachers.loopback.questions import Question
from tasks.teachers.loopback.spoiling import refusal_of, spoil
from tasks.teachers.loopback.wire import Reply, Said


def said_after(name, text, answer="distribution", ending="stop"):
    reply = Reply((Said(text, ending),), Question("?", ("angry", "sad"), answer), 1.0, "v", "id")
    [said] = spoil(reply, Fault(name)).said
    return said.text


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("wrong_classes", {"curious": 0.9, "sad": 0.1}),
        ("negative", {"angry": -0.5, "sad": 0.1}),
        ("sum7", {"angry": 6.3, "sad": 0.7}),
        ("percent", {"angry": 90, "sad": 10}),
        ("label_case", {"ANGRY": 0.9, "SAD": 0.1}),
        ("synonyms", {"Anger": 0.9, "Sadness": 0.1}),
    ],
)
def test_numbers_are_changed(name, numbers):
    assert json.loads(said_after(name, '{"angry": 0.9, "sad": 0.1}')) == numbers


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("wrong_classes", "curious"),
        ("negative", -0.5),
        ("sum7", 7),
        ("percent", "angry"),
        ("label_case", "ANGRY"),
        ("synonyms", "Anger"),
    ],
)
def test_a_label_is_changed(name, label):
    assert json.loads(said_after(name, '{"label": "angry"}', "label")) == {"label": label}


@pytest.mark.parametrize(
    ("text", "answer"), [('{"angry": 1, "sad": 0}', "distribution"), ('{"label": "sad"}', "label")]
)
def test_nan_is_written_as_models_write_it(text, answer):
    content = json.loads(said_after("nan", text, answer))
    assert math.isnan(next(iter(content.values())))


def test_what_was_cut_off_before_is_left_as_it_is():
    assert said_after("negative", '{"ang', ending="length") == '{"ang'


@pytest.mark.parametrize("name", ["slow", "reset", "prose", "version", "safety"])
def test_a_fault_that_answers_is_no_refusal(name):
    assert refusal_of(Fault(name)) is None
