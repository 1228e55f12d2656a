"""Synonyms are declared by the user, so a wrong one is told before anything is asked."""

import pytest

from tasks.asking.class_names import check_synonyms, few, shown

CLASSES = ["angry", "happy", "sad"]


def test_several_words_may_mean_one_class():
    check_synonyms({"joyful": "happy", "Excited": "happy", "Happy": "happy"}, CLASSES)


@pytest.mark.parametrize(
    ("synonyms", "message"),
    [
        ({"joyful": "hapy"}, '"joyful" stands for "hapy", which is no class. Did you mean "happy"?'),
        ({"calm": "neutral"}, '"calm" stands for "neutral", which is no class. Known: angry, happy, sad.'),
        ({"Sad": "angry"}, '"Sad" is a class itself and cannot stand for "angry"'),
        ({"mad": "angry", "Mad ": "sad"}, '"Mad " stands for both "angry" and "sad"; case makes no difference'),
        ({" ": "sad"}, '"sad" has an empty synonym'),
    ],
)
def test_a_synonym_that_means_no_single_class_is_refused(synonyms: dict[str, str], message: str):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - compared whole
        check_synonyms(synonyms, CLASSES)
    assert str(refused.value) == message


def test_all_wrong_synonyms_are_told_at_once():
    with pytest.raises(ValueError, match=r'"a" stands for "b".*; "c" stands for "d"'):
        check_synonyms({"a": "b", "c": "d"}, CLASSES)


def test_a_lone_surrogate_is_shown_as_an_escape_that_a_table_can_hold():
    assert shown("\ud800") == r"'\ud800'"


def test_long_names_are_cut():
    assert few(["x" * 99]) == "['" + "x" * 19 + "…']"
