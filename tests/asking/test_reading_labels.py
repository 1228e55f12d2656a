"""A teacher that is asked for one class: its answer is a distribution without doubt."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.reading import UnparsableError, answer_schema, read_answer

CLASSES = ["angry", "happy", "very-sad"]
HAPPY = [0.0, 1.0, 0.0]


def test_the_schema_asks_for_one_of_the_classes():
    assert answer_schema(["happy", "sad"], "label") == {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["happy", "sad"]}},
        "required": ["label"],
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"label": "happy"}',
        '{"label": " Happy. "}',
        '{"Emotion": "happy"}',
        '{"label": "joyful"}',
        '{"label": "happy", "emotion": "Joyful"}',
        '{"label": "happy", "confidence": 0.8, "reasoning": "a bright voice"}',
        '{"answer": {"label": "happy"}}',
        '[{"label": "happy"}]',
        'I would say {"label": "happy"}, as {asked}.',
        '```json\n{"label": "happy"}\n```',
        '{"pitch": "high"} {"label": "happy"}',
        "happy",
        " Happy.\n",
        '"happy"',
        "“Happy”",
        "**happy**",
        "```\nhappy\n```",
        "```text\nhappy\n```",
        "JOYFUL!",
    ],
)
def test_a_label_in_any_clothes_is_a_distribution_without_doubt(text: str):
    assert read_answer(text, CLASSES, "label", {"Joyful": "happy"}) == HAPPY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the answer is empty"),
        ("The speaker sounds happy.", "the answer is 'The speaker sounds happy.', expected one of ['angry', 'happy', "),
        ("happy or angry", "the answer is 'happy or angry', expected one of"),
        ("not happy", "the answer is 'not happy', expected one of"),
        ("x" * 999, "the answer is '" + "x" * 59 + "…', expected one of"),
        ('"unhappy"', "the JSON is 'unhappy', expected an object with \"label\""),
        ('{"label": "surprised"}', "'label' is 'surprised', expected one of ['angry', 'happy', 'very-sad']"),
        ('{"label": "happy or angry"}', "'label' is 'happy or angry', expected one of"),
        ('{"label": null}', "'label' is null, expected one of"),
        ('{"label": ["happy", "angry"]}', "'label' is a list, expected one of"),
        ('{"label": "happy", "emotion": "angry"}', "the JSON names ['angry', 'happy'], expected one class"),
        ('{"label": "happy", "label": "angry"}', "'label' stands there twice with different values"),
        ('{"happy": 0.9, "angry": 0.1}', "the JSON has ['happy', 'angry'], expected \"label\" with one of"),
        ('[{"label": "happy"}, {"label": "angry"}]', 'the JSON is a list, expected an object with "label"'),
        ('{"label": "happy"} or {"label": "angry"}', "2 answers in one text, and they differ; expected one"),
        ('{"label": "happy", "why": "a bri', "the JSON breaks off, expected a whole object"),
        ('[{"label": "happy"}, {"label": "an', "the JSON breaks off, expected a whole object"),
        ("[]", "the JSON is a list, expected an object"),
    ],
)
def test_what_names_no_single_class_is_refused_with_the_reason(text: str, message: str):
    with pytest.raises(UnparsableError, match=re.escape(message)):
        read_answer(text, CLASSES, "label")


@given(
    st.sampled_from(CLASSES),
    st.sampled_from([str.upper, str.lower, str.title]),
    st.sampled_from(["{}", "*{}*.", "«{}»"]),
)
def test_a_class_that_is_written_is_read_back(name: str, case, around: str):
    probs_C = read_answer(around.replace("{}", case(name)), CLASSES, "label")
    assert probs_C == [float(other == name) for other in CLASSES]
