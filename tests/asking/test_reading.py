"""What a model wrote becomes a distribution, in whatever clothes it comes."""

import json
import re
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.reading import answer_schema, read_answer

CLASSES = ["angry", "happy", "neutral", "sad"]
PLAIN = '{"angry": 0.1, "happy": 0.2, "neutral": 0.3, "sad": 0.4}'
FOUR_TENTHS = [0.1, 0.2, 0.3, 0.4]
AS_LIST = '[{"label": "angry", "score": 0.1}, {"label": "happy", "score": 0.2}, {"label": "neutral", "score": 0.3}, \
{"label": "sad", "score": 0.4}]'
SYNONYMS = {"Joyful": "happy", "calm": "neutral", "excited": "happy"}

CLOTHES = {
    "plain": PLAIN,
    "json fence": f"```json\n{PLAIN}\n```",
    "fence": f"```\n{PLAIN}\n```",
    "prose": f"Listening closely, I would say:\n\n{PLAIN}\n\nThe voice leaves room for doubt.",
    "byte order mark": f"\ufeff{PLAIN}",
    "other order": '{"sad": 0.4, "neutral": 0.3, "happy": 0.2, "angry": 0.1}',
    "white space": '\n{\n  "angry": 1e-1,\n  "happy": 0.20,\n  "neutral": 0.3,\n  "sad": 0.4\n}\n',
    "percentages": '{"angry": 10, "happy": 20, "neutral": 30, "sad": 40}',
    "percentages as floats": '{"angry": 10.0, "happy": 20.0, "neutral": 30.0, "sad": 40.0}',
    "percent signs": '{"angry": "10%", "happy": "20 %", "neutral": "30.0%", "sad": " 40% "}',
    "numbers in quotes": '{"angry": "0.1", "happy": ".2", "neutral": "3e-1", "sad": 0.4}',
    "percentages in quotes": '{"angry": "10", "happy": "20", "neutral": 30, "sad": 40}',
    "other case and spaces": '{"Angry": 0.1, " HAPPY ": 0.2, "neutral": 0.3, "Sad ": 0.4}',
    "synonyms": '{"angry": 0.1, "joyful": 0.2, "Calm": 0.3, "sad": 0.4}',
    "two words for one class": '{"angry": 0.1, "happy": 0.15, "excited": 0.05, "neutral": 0.3, "sad": 0.4}',
    "probabilities": f'{{"probabilities": {PLAIN}}}',
    "Emotion Probabilities": f'{{"Emotion Probabilities": {PLAIN}}}',
    "wrapped twice": f'{{"result": {{"emotions": {PLAIN}}}}}',
    "wrapped beside remarks": f'{{"reasoning": "a low voice", "probabilities": {PLAIN}, "confidence": 0.8}}',
    "list of one": f"[{PLAIN}]",
    "list of one in prose": f"Here: [{PLAIN}].",
    "list of labels and scores": AS_LIST,
    "list of emotions and probabilities": AS_LIST.replace("label", "emotion").replace("score", "Probability"),
    "list in a wrapper": f'{{"emotions": {AS_LIST}}}',
    "list of percentages": re.sub(r"0\.(\d)", r'"\g<1>0%"', AS_LIST),
    "braces in the prose": f"As {{asked}}, of {{angry, sad}} and {{}} I make: {PLAIN} {{done}}",
    "quoted braces in the prose": f'With "{{" and "}}" around: {PLAIN}',
    "a template before it": f'In the form {{"angry": <number>, "happy": <number>}} I say {PLAIN}',
    "an empty template before it": f'{{"angry": 0, "happy": 0, "neutral": 0, "sad": 0}}: {PLAIN}',
    "remarks as JSON around it": f'{{"pitch": "low"}} {PLAIN} {{"sure": false}}',
    "the same twice": f"{PLAIN} and again {PLAIN}",
    "the same in another unit": f'{PLAIN} that is {{"angry": 10, "happy": 20, "neutral": 30, "sad": 40}} %',
    "one key twice with one value": PLAIN.replace("{", '{"angry": 0.1, '),
}


def written(*values: object, classes: list[str] = CLASSES) -> str:
    return json.dumps(dict(zip(classes, values, strict=True)))


def test_the_schema_asks_for_one_number_per_class():
    assert answer_schema(["happy", "sad"]) == {
        "type": "object",
        "properties": {"happy": {"type": "number"}, "sad": {"type": "number"}},
        "required": ["happy", "sad"],
    }


@pytest.mark.parametrize("text", CLOTHES.values(), ids=CLOTHES.keys())
def test_the_same_answer_in_other_clothes_is_the_same_distribution(text: str):
    assert read_answer(text, CLASSES, synonyms=SYNONYMS) == pytest.approx(FOUR_TENTHS, abs=1e-12)


def test_values_that_sum_to_one_stay_as_they_were_written():
    assert read_answer(PLAIN, CLASSES) == FOUR_TENTHS


def test_a_whole_number_is_a_probability():
    assert read_answer(written(0, 1, 0, 0), CLASSES) == [0, 1, 0, 0]


def test_a_negative_zero_is_a_zero():
    assert str(read_answer(written(-0.0, 1, 0, 0), CLASSES)) == "[0.0, 1.0, 0.0, 0.0]"


def test_a_zero_needs_no_percent_sign():
    assert read_answer(written(0, "100%", 0, "0"), CLASSES) == [0, 1, 0, 0]


def test_a_sum_of_98_hundredths_is_rounding_and_is_scaled_to_one():
    assert read_answer(written(0.49, 0.49, 0, 0), CLASSES) == [0.5, 0.5, 0, 0]


def test_percentages_that_sum_to_98_are_scaled_to_one():
    assert read_answer(written(49, 49, 0, 0), CLASSES) == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize("total", [0.9, 1.1, 90, 110])
def test_a_sum_a_tenth_off_is_still_read(total: float):
    assert read_answer(written(total / 2, total / 2, 0, 0), CLASSES) == [0.5, 0.5, 0, 0]


def test_a_classes_own_name_goes_before_a_synonym():
    text = '{"happy": 0.1, "SAD": 0.9}'
    assert read_answer(text, ["Happy", "Sad"], synonyms={"sad": "Happy"}) == [0.1, 0.9]


def test_classes_that_differ_in_case_alone_are_told_apart_where_they_are_written_exactly():
    assert read_answer('{"A": 0.25, "a": 0.75}', ["a", "A"]) == [0.75, 0.25]


def shares(classes: int) -> st.SearchStrategy[np.ndarray]:
    weights = st.lists(st.floats(0, 1), min_size=classes, max_size=classes).filter(lambda each: sum(each) > 1e-3)
    return weights.map(lambda each: np.array(each) / sum(each))


def dressed(clothes: str, names: list[str], numbers: list[float]) -> str:
    content = dict(zip(names, numbers, strict=True))
    match clothes:
        case "upper case":
            content = {name.upper(): number for name, number in content.items()}
        case "strings":
            return json.dumps({name: str(number) for name, number in content.items()})
        case "list":
            return json.dumps([{"emotion": name, "probability": number} for name, number in content.items()])
    return clothes.replace("{}", json.dumps(content)) if "{}" in clothes else json.dumps(content)


@given(
    st.integers(2, 12).flatmap(shares),
    st.sampled_from([1, 100]),
    st.sampled_from(
        ["{}", "```json\n{}\n```", "P: {}.", '{"scores": {}}', "[{}]", "{a} {}", "upper case", "strings", "list"]
    ),
    st.randoms(),
)
def test_a_distribution_written_with_two_decimals_is_read_back_normalised(shares_C, unit, clothes, random: Random):
    """Any distribution over 2 to 12 classes, as fractions or percentages, in any clothes and any order of keys."""
    names = [f"class{n}" for n in range(len(shares_C))]
    rounded_C = [round(share * unit, 2 if unit == 1 else 0) for share in shares_C]
    order = random.sample(range(len(names)), len(names))
    text = dressed(clothes, [names[n] for n in order], [rounded_C[n] for n in order])
    probs_C = read_answer(text, names)
    assert sum(probs_C) == pytest.approx(1, abs=1e-12)
    assert probs_C == pytest.approx((np.array(rounded_C) / sum(rounded_C)).tolist(), abs=1e-12)
