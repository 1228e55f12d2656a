"""What a model wrote becomes a distribution, or is refused with what is wrong with it."""

import json
import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.reading import UnparsableError, answer_schema, read_distribution

CLASSES = ["angry", "happy", "neutral", "sad"]
PLAIN = '{"angry": 0.1, "happy": 0.2, "neutral": 0.3, "sad": 0.4}'
FOUR_TENTHS = [0.1, 0.2, 0.3, 0.4]


def written(*values: object, classes: list[str] = CLASSES) -> str:
    return json.dumps(dict(zip(classes, values, strict=True)))


def test_the_schema_asks_for_one_number_per_class():
    assert answer_schema(["happy", "sad"]) == {
        "type": "object",
        "properties": {"happy": {"type": "number"}, "sad": {"type": "number"}},
        "required": ["happy", "sad"],
    }


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"```json\n{PLAIN}\n```",
        f"```\n{PLAIN}\n```",
        f"Listening closely, I would say:\n\n{PLAIN}\n\nThe voice leaves room for doubt.",
        '{"sad": 0.4, "neutral": 0.3, "happy": 0.2, "angry": 0.1}',
        '\n{\n  "angry": 1e-1,\n  "happy": 0.20,\n  "neutral": 0.3,\n  "sad": 0.4\n}\n',
        '{"angry": 10, "happy": 20, "neutral": 30, "sad": 40}',
        '{"angry": 10.0, "happy": 20.0, "neutral": 30.0, "sad": 40.0}',
    ],
    ids=["plain", "json fence", "fence", "prose", "other order", "white space", "percentages", "percentages as floats"],
)
def test_the_same_answer_in_other_clothes_is_the_same_distribution(text: str):
    assert read_distribution(text, CLASSES) == pytest.approx(FOUR_TENTHS, abs=1e-15)


def test_values_that_sum_to_one_stay_as_they_were_written():
    assert read_distribution(PLAIN, CLASSES) == FOUR_TENTHS


def test_a_whole_number_is_a_probability():
    assert read_distribution(written(0, 1, 0, 0), CLASSES) == [0, 1, 0, 0]


def test_a_sum_of_98_hundredths_is_rounding_and_is_scaled_to_one():
    assert read_distribution(written(0.49, 0.49, 0, 0), CLASSES) == [0.5, 0.5, 0, 0]


def test_percentages_that_sum_to_98_are_scaled_to_one():
    assert read_distribution(written(49, 49, 0, 0), CLASSES) == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize("total", [0.9, 1.1, 90, 110])
def test_a_sum_a_tenth_off_is_still_read(total: float):
    assert read_distribution(written(total / 2, total / 2, 0, 0), CLASSES) == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the answer is empty"),
        (" \n", "the answer is empty"),
        ("The speaker sounds upset.", "no JSON object in the answer"),
        ("}{", "no JSON object in the answer"),
        ("[0.1, 0.2, 0.3, 0.4]", "no JSON object in the answer"),
        (PLAIN[:40], "no JSON object in the answer"),
        (PLAIN.replace("0.3,", "0.3"), "broken JSON: Expecting ',' delimiter"),
        (f"{PLAIN} or rather {PLAIN}", "broken JSON: Extra data"),
        ('{"a":' * 100_000 + "}", "broken JSON: maximum recursion depth exceeded"),
        ('{"angry": 0.5, "happy": 0.5}', "classes missing ['neutral', 'sad'], unknown []"),
        (written(0.1, 0.2, 0.3, 0.4, classes=["angry", "happy", "neutral", "Sad"]), "missing ['sad'], unknown ['Sad']"),
        (PLAIN[:-1] + ', "fear": 0}', "classes missing [], unknown ['fear']"),
        (written(-0.1, 0.4, 0.3, 0.4), '"angry" is -0.1, expected a probability'),
        (written(100.5, 0, 0, 0), '"angry" is 100.5, expected a probability'),
        (written("0.1", 0.2, 0.3, 0.4), "\"angry\" is '0.1', expected a probability"),
        (written(0.1, 0.2, None, 0.4), '"neutral" is None, expected a probability'),
        (written(0, True, 0, 0), '"happy" is True, expected a probability'),
        (written(0, [1], 0, 0), '"happy" is [1], expected a probability'),
        (written(0, float("nan"), 0, 1), '"happy" is nan, expected a probability'),
        (written(0, float("inf"), 0, 1), '"happy" is inf, expected a probability'),
        (written(0, 0, 0, 0), "the probabilities sum to 0, expected 1"),
        (written(0.2, 0.2, 0.2, 0.2), "the probabilities sum to 0.8, expected 1"),
        (written(0.9, 0.9, 0, 0), "the probabilities sum to 1.8, expected 1"),
        (written(100, 100, 0, 0), "the probabilities sum to 200, expected 1"),
        (written(5, 5, 0, 0), "the probabilities sum to 10, expected 1"),
    ],
)
def test_what_is_no_distribution_is_refused_with_the_reason(text: str, message: str):
    with pytest.raises(UnparsableError, match=re.escape(message)):
        read_distribution(text, CLASSES)


def shares(classes: int) -> st.SearchStrategy[np.ndarray]:
    weights = st.lists(st.floats(0, 1), min_size=classes, max_size=classes).filter(lambda each: sum(each) > 1e-3)
    return weights.map(lambda each: np.array(each) / sum(each))


@given(
    st.integers(2, 12).flatmap(shares), st.sampled_from([1, 100]), st.sampled_from(["{}", "```json\n{}\n```", "P: {}."])
)
def test_a_distribution_written_with_two_decimals_is_read_back_normalised(shares_C, unit, clothes):
    """Any distribution over 2 to 12 classes, as fractions or percentages, in a fence or in prose."""
    names = [f"class{n}" for n in range(len(shares_C))]
    rounded_C = [round(share * unit, 2 if unit == 1 else 0) for share in shares_C]
    probs_C = read_distribution(clothes.replace("{}", written(*rounded_C, classes=names)), names)
    assert sum(probs_C) == pytest.approx(1, abs=1e-12)
    assert probs_C == pytest.approx((np.array(rounded_C) / sum(rounded_C)).tolist(), abs=1e-12)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.floats(0, 1) | st.text(max_size=3)
OBJECTS = st.dictionaries(st.sampled_from(["happy", "sad", "angry", "{"]), VALUES).map(json.dumps)


@given(st.text(max_size=50), OBJECTS | st.fixed_dictionaries({"happy": VALUES, "sad": VALUES}).map(json.dumps))
def test_any_text_is_a_distribution_or_unparsable_and_nothing_else(prose: str, content: str):
    """Over random prose around random objects."""
    with suppress(UnparsableError):
        probs_C = read_distribution(prose + content, ["happy", "sad"])
        assert sum(probs_C) == pytest.approx(1)
        assert min(probs_C) >= 0
