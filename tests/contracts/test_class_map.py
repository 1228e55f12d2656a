"""A teacher's labels → the pipeline's classes: probabilities add up, are shared out, or are left out and counted."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from tasks.contracts.class_map import Labels, class_map, mistakes_in_labels
from tasks.maths.uncertainty import mutual_information

CLASSES = ["angry", "happy", "neutral", "sad"]
SIX = ["angry", "excited", "calm", "happy", "sad", "other"]
MAPPED: Labels = {"excited": "happy", "calm": {"neutral": 0.8, "sad": 0.2}, "other": None}


def literal(p: NDArray[np.float64], mapped: Labels = MAPPED) -> tuple[list[float], float]:
    """Label by label, of one draw."""
    mass, unmapped = dict.fromkeys(CLASSES, 0.0), 0.0
    for label, share in zip(SIX, p.tolist(), strict=True):
        meaning = mapped.get(label, label)
        if meaning is None:
            unmapped += share
        elif isinstance(meaning, str):
            mass[meaning] += share
        else:
            for name, weight in meaning.items():
                mass[name] += share * weight / sum(meaning.values())
    return [mass[name] / sum(mass.values()) for name in CLASSES], unmapped


def draws(n: int = 5, k: int = 4, labels: int = 6) -> NDArray[np.float64]:
    return np.random.default_rng(0).dirichlet(np.ones(labels), size=(n, k))


meanings = st.one_of(
    st.sampled_from(CLASSES),
    st.dictionaries(st.sampled_from(CLASSES), st.floats(0.01, 10), min_size=1),
    st.none(),
)


@given(st.lists(meanings, min_size=2, max_size=7), st.integers(0, 99))
def test_rows_sum_to_one_and_mass_is_kept(meant: list[Any], seed: int) -> None:
    """What is left and what is left out together are all that the teacher said."""
    if all(meaning is None for meaning in meant):
        return
    names = [f"label {n}" for n in range(len(meant))]
    probs = np.random.default_rng(seed).dirichlet(np.ones(len(names)), size=3)
    found = class_map(names, dict(zip(names, meant, strict=True)), CLASSES).applied(probs)
    left_out = probs[:, [meaning is None for meaning in meant]].sum(axis=-1)
    np.testing.assert_allclose(found.unmapped, left_out, atol=1e-12)
    np.testing.assert_allclose(found.probs.sum(axis=-1), found.answers, atol=1e-12)


@given(st.integers(0, 99))
def test_a_map_of_names_to_themselves_changes_no_bit(seed: int) -> None:
    probs = np.random.default_rng(seed).dirichlet(np.ones(4), size=(2, 3))
    found = class_map(CLASSES, {}, CLASSES).applied(probs)
    assert (found.probs == probs).all()
    assert (found.unmapped == 0).all()


@given(st.permutations(CLASSES), st.permutations(range(6)))
def test_the_order_of_classes_and_labels_does_not_matter(classes: list[str], order: list[int]) -> None:
    probs = draws()
    expected = class_map(SIX, MAPPED, CLASSES).applied(probs)
    found = class_map([SIX[n] for n in order], MAPPED, classes).applied(probs[..., order])
    turned = found.probs[..., [classes.index(name) for name in CLASSES]]
    np.testing.assert_allclose(turned, expected.probs, atol=1e-12)
    np.testing.assert_allclose(found.unmapped, expected.unmapped, atol=1e-12)


def test_each_draw_is_mapped_label_by_label() -> None:
    probs = draws()
    found = class_map(SIX, MAPPED, CLASSES).applied(probs)
    for at in np.ndindex(probs.shape[:2]):
        expected, unmapped = literal(probs[at])
        np.testing.assert_allclose(found.probs[at], expected, atol=1e-12)
        np.testing.assert_allclose(found.unmapped[at], unmapped, atol=1e-12)


def test_of_weights_the_proportions_count() -> None:
    parts = class_map(["calm"], {"calm": {"neutral": 4, "sad": 1}}, CLASSES)
    shares = class_map(["calm"], {"calm": {"neutral": 0.8, "sad": 0.2}}, CLASSES)
    np.testing.assert_allclose(parts.shares_OC, shares.shares_OC)
    assert parts.shares_OC.tolist() == [[0, 0, 0.8, 0.2]]


def test_mutual_information_is_that_of_the_mapped_draws() -> None:
    """Two draws that contradict each other about labels of one class agree about the class."""
    probs = np.array([[[0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]])
    assert mutual_information(probs)[0] == pytest.approx(np.log(2))
    assert mutual_information(class_map(SIX, MAPPED, CLASSES).applied(probs).probs)[0] == 0.0


def test_a_draw_of_which_almost_nothing_is_left_is_no_answer() -> None:
    """Less than one hundredth: what it says of the classes would be made a hundred times as loud."""
    probs = np.array([[0.004, 0.0, 0.0, 0.0, 0.005, 0.991], [0.005, 0.0, 0.0, 0.0, 0.005, 0.99]])
    found = class_map(SIX, MAPPED, CLASSES).applied(probs)
    assert found.answers.tolist() == [False, True]
    assert found.probs.tolist() == [[0, 0, 0, 0], [0.5, 0, 0, 0.5]]
    assert found.unmapped.tolist() == [0.991, 0.99]


def test_a_class_that_no_label_means_gets_nothing() -> None:
    found = class_map(["angry", "sad"], {}, CLASSES).applied(np.array([0.25, 0.75]))
    assert found.probs.tolist() == [0.25, 0, 0, 0.75]


def test_a_label_of_no_class_of_the_pipeline_is_refused() -> None:
    with pytest.raises(ValueError, match=r"labels angry, fear mean angry, fear; expected angry, happy, neutral, sad"):
        class_map(["angry", "fear"], {}, CLASSES)


@pytest.mark.parametrize(
    ("mapped", "lacks", "expected"),
    [
        ({"ang": "angri"}, [], ("labels.ang", '"angri" is no class of the pipeline. Did you mean "angry"?')),
        (
            {"x": {"fear": 1.0}},
            [],
            ("labels.x", '"fear" is no class of the pipeline. Known: angry, happy, neutral, sad.'),
        ),
        ({}, ["hapy"], ("lacks", '"hapy" is no class of the pipeline. Did you mean "happy"?')),
        (
            {"ang": "angry"},
            ["angry"],
            ("lacks", '"angry" is what labels.ang means, so the teacher knows it; take one of them out'),
        ),
        ({}, CLASSES, ("lacks", "names every class of the pipeline; a teacher that knows none teaches nothing")),
    ],
)
def test_what_cannot_be_meant_is_told(mapped: Labels, lacks: list[str], expected: tuple[str, str]) -> None:
    assert list(mistakes_in_labels(mapped, lacks, CLASSES)) == [expected]


@pytest.mark.parametrize(
    ("meaning", "told"),
    [({"sad": 0}, "greater than 0"), ({"sad": -1}, "greater than 0"), ({}, "at least 1 item"), (3, "valid string")],
)
def test_weights_must_be_positive_and_a_meaning_be_a_class(meaning: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TypeAdapter(Labels).validate_python({"calm": meaning})
