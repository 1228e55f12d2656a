"""The paper's rule: its bounds, its settings, cases by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks.fusion.base import Draws
from tasks.fusion.mutual_information import MutualInformationRule

TEACHERS = ["lalm", "classifier"]
VOTES_4_TO_1 = np.eye(4)[[0, 0, 0, 0, 1]]
STEADY = np.tile([0.7, 0.1, 0.1, 0.1], (5, 1))


def all_valid(draws_KC: NDArray[np.float64]) -> Draws:
    """One clip's draws."""
    return Draws(draws_KC[None], np.ones((1, len(draws_KC)), dtype=bool))


def weigh(lalm: Draws, classifier: Draws, **settings: float | bool) -> NDArray[np.float64]:
    draws = [lalm, classifier]
    return MutualInformationRule(**settings).fit(draws, TEACHERS).weights(draws)  # type: ignore[arg-type]


odds_over_four_classes = arrays(float, st.tuples(st.integers(2, 6), st.just(4)), elements=st.floats(1e-6, 1))


@given(odds_over_four_classes, odds_over_four_classes)
def test_with_four_classes_each_of_two_teachers_weighs_between_a_fifth_and_four_fifths(
    lalm_KC: NDArray[np.float64], classifier_KC: NDArray[np.float64]
) -> None:
    draws = [all_valid(odds / odds.sum(axis=1, keepdims=True)) for odds in (lalm_KC, classifier_KC)]
    weights_NT = weigh(*draws)
    assert (weights_NT >= 0.2 - 1e-9).all()
    assert (weights_NT <= 0.8 + 1e-9).all()


def test_the_bounds_are_reached() -> None:
    contradicting_itself = all_valid(np.eye(4))
    assert weigh(contradicting_itself, all_valid(STEADY))[0] == pytest.approx([0.2, 0.8])


def test_a_teacher_that_contradicts_itself_weighs_less_however_sure_each_draw_is() -> None:
    """MI of votes (4, 1) is .5004 nats: exp(-.5004) = .6063, and .6063 / 1.6063 = .3774."""
    assert weigh(all_valid(VOTES_4_TO_1), all_valid(STEADY))[0] == pytest.approx([0.3774, 0.6226], abs=1e-4)


def test_teachers_that_agree_with_themselves_weigh_the_same_however_unsure_they_are() -> None:
    assert weigh(all_valid(np.full((5, 4), 0.25)), all_valid(STEADY))[0] == pytest.approx([0.5, 0.5])


def test_bias_correction_multiplies_by_k_over_k_minus_1() -> None:
    """Five draws: .5004 · 5 / 4 = .6255 nats; exp(-.6255) = .5350, and .5350 / 1.5350 = .3485."""
    weights_NT = weigh(all_valid(VOTES_4_TO_1), all_valid(STEADY), bias_correction=True)
    assert weights_NT[0] == pytest.approx([0.3485, 0.6515], abs=1e-4)


def test_bias_correction_counts_the_valid_draws_alone() -> None:
    padded = Draws(np.vstack([VOTES_4_TO_1, np.zeros((3, 4))])[None], np.array([[True] * 5 + [False] * 3]))
    weights_NT = weigh(padded, all_valid(STEADY), bias_correction=True)
    assert weights_NT[0] == pytest.approx([0.3485, 0.6515], abs=1e-4)


def test_a_lower_temperature_makes_the_weights_sharper() -> None:
    """At temperature 0.5: exp(-1.0008) = .3676, and .3676 / 1.3676 = .2688."""
    weights_NT = weigh(all_valid(VOTES_4_TO_1), all_valid(STEADY), temperature=0.5)
    assert weights_NT[0] == pytest.approx([0.2688, 0.7312], abs=1e-4)


def test_a_temperature_close_to_0_leaves_no_clip_without_weights() -> None:
    """Both teachers contradict themselves: exp(-.5 / .0005) is 0 in floating point, the ratio of the two is not."""
    weights_NT = weigh(all_valid(np.eye(4)), all_valid(VOTES_4_TO_1), temperature=0.0005)
    assert weights_NT[0] == pytest.approx([0, 1])


def test_one_valid_draw_of_several_is_not_enough() -> None:
    lone = Draws(STEADY[None], np.array([[True, False, False, False, False]]))
    assert weigh(lone, all_valid(VOTES_4_TO_1)).tolist() == [[0, 1]]


def test_a_teacher_with_one_draw_per_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 2 draws, got 1"):
        weigh(all_valid(STEADY[:1]), all_valid(STEADY))


def test_draws_that_are_no_distributions_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 5 draws are not probability distributions"):
        weigh(all_valid(np.vstack([STEADY[:4], [[3.0, 0, 0, 0]]])), all_valid(STEADY))


@pytest.mark.parametrize("temperature", [0, -1])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValidationError, match="temperature\n  Input should be greater than 0"):
        MutualInformationRule(temperature=temperature)
