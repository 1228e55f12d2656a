"""What is no distribution is refused with what was found; no text does anything else."""

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.reading import AnswerKind, UnparsableError, read_answer

CLASSES = ["angry", "happy", "neutral", "sad"]
PLAIN = '{"angry": 0.1, "happy": 0.2, "neutral": 0.3, "sad": 0.4}'
OTHER = '{"angry": 0.4, "happy": 0.2, "neutral": 0.3, "sad": 0.1}'


def written(*values: object, classes: list[str] = CLASSES) -> str:
    return json.dumps(dict(zip(classes, values, strict=True)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the answer is empty"),
        (" \n", "the answer is empty"),
        ("The speaker sounds upset.", "no JSON object in the answer 'The speaker sounds upset.', expected one with"),
        ("}{", "no JSON object in the answer"),
        ("{angry, sad}", "no JSON object in the answer"),
        ('{"angry"', "no JSON object in the answer"),
        ("[0.1, 0.2, 0.3, 0.4]", 'a list holds 0.1, expected objects with "label" and "probability"'),
        ("0.9", "the JSON is 0.9, expected an object with a number per class"),
        ('"happy"', "the JSON is 'happy', expected an object with a number per class"),
        ("null", "the JSON is null, expected an object"),
        ('{"label": "happy"}', "classes missing ['angry', 'happy', 'neutral', 'sad'], unknown ['label']"),
        (PLAIN[:40], "the JSON breaks off, expected a whole object; it ends with "),
        (PLAIN[:-1], 'the JSON breaks off, expected a whole object; it ends with \'": 0.3, "sad": 0.4\''),
        (f'{PLAIN} or rather {{"angry": 0.9, "hap', "the JSON breaks off, expected a whole object"),
        (f'{{"first": {PLAIN}, "second": {{"angry": 0.', "the JSON breaks off, expected a whole object"),
        (
            PLAIN.replace("0.3,", "0.3"),
            "broken JSON: Expecting ',' delimiter near 'ral\": 0.3 \"sad\": 0.4}', expected one",
        ),
        (PLAIN.replace("}", ",}"), "broken JSON: "),
        (PLAIN.replace('"', "'"), "no JSON object in the answer"),
        (
            f'{{"first": {PLAIN}, "second": oops}}',
            "broken JSON: Expecting value near '",
        ),
        (f'{PLAIN} or rather {{"happy": 1}}', "classes missing ['angry', 'neutral', 'sad'], unknown []"),
        (f"{PLAIN} or rather {OTHER}", "2 answers in one text, and they differ; expected one"),
        (f"[{PLAIN}, {OTHER}]", "a list holds an object with ['angry', 'happy', 'neutral', 'sad'], expected objects"),
        (f"{PLAIN} or rather {written(0.9, 0.9, 0, 0)}", "the probabilities sum to 1.8, expected 1"),
        ('{"a":' * 100_000 + "}", "the JSON is nested too deeply, expected one object"),
        ('{"":0,{' * 100_000, "more than 200 pieces of JSON, expected one object"),
        ('{"angry": 0.5, "happy": 0.5}', "classes missing ['neutral', 'sad'], unknown []"),
        (
            written(0.1, 0.2, 0.3, 0.4, classes=["angry", "happy", "neutral", "sadd"]),
            "missing ['sad'], unknown ['sadd']",
        ),
        (PLAIN[:-1] + ', "fear": 0}', "classes missing [], unknown ['fear']"),
        (PLAIN.replace("{", '{"angry": 0.2, '), "'angry' stands there twice with different values, expected each key"),
        (PLAIN.replace("{", '{"Angry": 0.1, '), "'angry' stands there twice, expected each class once"),
        (f'{{"outer": {PLAIN}}}', "classes missing ['angry', 'happy', 'neutral', 'sad'], unknown ['outer']"),
        (f'{{"scores": {PLAIN}, "answer": {OTHER}}}', "unknown ['scores', 'answer']"),
        ('[{"label": "angry"}, {"label": "sad"}]', "a list holds an object with ['label'], expected objects with"),
        ('[{"label": 3, "score": 1}, {"label": 4, "score": 0}]', "a list holds an object with ['label', 'score']"),
        ('[{"label": "sad", "score": 1}, {"label": "sad", "score": 0}]', "'sad' stands there twice"),
        (written(-0.1, 0.4, 0.3, 0.4), "'angry' is -0.1, expected a probability"),
        (written(100.5, 0, 0, 0), "'angry' is 100.5, expected a probability"),
        (written(0, 0, 0, 10**400), "'sad' is inf, expected a probability"),
        (written("0,1", 0.2, 0.3, 0.4), "'angry' is '0,1', expected a probability"),
        (written("-10%", 0.2, 0.3, 0.4), "'angry' is '-10%', expected a probability"),
        (written("٣", 0.2, 0.3, 0.4), "'angry' is '٣', expected a probability"),
        (written("high", 0.2, 0.3, 0.4), "'angry' is 'high', expected a probability"),
        (written("0.1" + "0" * 99, 0.2, 0.3, 0.4), "…', expected a probability"),
        (written(0.1, 0.2, None, 0.4), "'neutral' is null, expected a probability"),
        (written(0, True, 0, 0), "'happy' is true, expected a probability"),
        (written(0, [1], 0, 0), "'happy' is a list, expected a probability"),
        (written(0, {"p": 1}, 0, 0), "'happy' is an object, expected a probability"),
        (written(0, float("nan"), 0, 1), "'happy' is nan, expected a probability"),
        (written(0, float("inf"), 0, 1), "'happy' is inf, expected a probability"),
        (written(0, "NaN", 0, 1), "'happy' is 'NaN', expected a probability"),
        (written("50%", 0.5, 0, 0), "some numbers have a percent sign and others have none, expected one unit"),
        (written("0.5%", "0.5%", 0, 0), "the probabilities sum to 0.01, expected 1"),
        (written(0, 0, 0, 0), "the probabilities sum to 0, expected 1"),
        (written(0.2, 0.2, 0.2, 0.2), "the probabilities sum to 0.8, expected 1"),
        (written(0.9, 0.9, 0, 0), "the probabilities sum to 1.8, expected 1"),
        (written(3, 2, 1, 1), "the probabilities sum to 7, expected 1"),
        (written(100, 100, 0, 0), "the probabilities sum to 200, expected 1"),
        (written(5, 5, 0, 0), "the probabilities sum to 10, expected 1"),
    ],
)
def test_what_is_no_distribution_is_refused_with_the_reason(text: str, message: str):
    with pytest.raises(UnparsableError, match=re.escape(message)):
        read_answer(text, CLASSES)


def assert_read_or_refused(text: str, kind: AnswerKind) -> None:
    """Refused with a reason that is short and that a table can hold: UTF-8 knows no lone surrogates."""
    reason, probs_C = "", [1.0]
    try:
        probs_C = read_answer(text, ["happy", "sad"], kind, {"joy": "happy"})
    except UnparsableError as error:
        reason = str(error) or "no reason"
    assert len(reason.encode()) < 500
    assert reason != "no reason"
    assert sum(probs_C) == pytest.approx(1, abs=1e-9)
    assert all(0 <= p <= 1 for p in probs_C)  # false for NaN as well


KINDS = st.sampled_from(["distribution", "label"])
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.floats(0, 1)
    | st.text(st.characters(), max_size=3)
    | st.sampled_from(["50%", "0.5", "happy", "1e400"])
)
KEYS = st.sampled_from(["happy", "sad", "Sad", "joy", "{", "label", "score", "probabilities", "\ud800"])
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
PIECES = JSON.map(json.dumps) | JSON.map(lambda each: json.dumps(each, ensure_ascii=False)) | st.text(max_size=9)


@given(st.lists(PIECES, max_size=4), KINDS)
def test_any_text_is_a_distribution_or_unparsable_and_nothing_else(pieces: list[str], kind: AnswerKind):
    assert_read_or_refused("".join(pieces), kind)


@given(st.text(alphabet='{}[]":,.%0 1-\\ahpysd\n`', max_size=40), KINDS)
def test_any_text_out_of_what_json_is_made_of_is_a_distribution_or_unparsable(text: str, kind: AnswerKind):
    assert_read_or_refused(text, kind)


@pytest.mark.parametrize("kind", ["distribution", "label"])
@pytest.mark.parametrize(
    "piece",
    ["a", " ", "{", "[", '{"', "[{", '{"happy":', "{}", '{"x": 1} ', '{"happy": 1, ', "9", "```\n", '\\"{"', "😡"],
)
def test_a_megabyte_of_anything_is_unparsable(piece: str, kind: AnswerKind):
    text = piece * (1_000_000 // len(piece))
    with pytest.raises(UnparsableError):
        read_answer(text, CLASSES, kind)


def test_what_stands_after_a_megabyte_of_prose_is_read():
    assert read_answer("So {well}. " * 100_000 + PLAIN, CLASSES) == [0.1, 0.2, 0.3, 0.4]


@given(st.dictionaries(KEYS, VALUES, min_size=2))
def test_the_order_of_keys_decides_nothing(content: dict[str, object]):
    backwards = dict(reversed(content.items()))
    readings = []
    for each in (content, backwards):
        with suppress(UnparsableError):
            readings.append(read_answer(json.dumps(each), ["happy", "sad"], synonyms={"joy": "happy"}))
    assert readings in ([], [pytest.approx(readings[0])] * 2 if readings else [])
