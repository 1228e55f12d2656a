"""What the formulas refuse, and what they tell."""

import numpy as np
import pytest
import torch

from tasks.maths.uncertainty import check_draws, mutual_information

GOOD = [0.25, 0.75]


def test_one_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 2 draws, got 1: one draw cannot disagree with itself"):
        mutual_information(np.array([[GOOD]]))


@pytest.mark.parametrize("shape", [(2, 4), (4,), (1, 2, 3, 4)])
def test_another_number_of_axes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"draws must have the shape \(N, K, C\), got \(" + str(shape[0])):
        mutual_information(np.full(shape, 0.25))


def test_logits_are_refused_and_the_first_offender_is_named() -> None:
    draws = np.array([[GOOD, GOOD], [GOOD, [-1.0, 3.5]], [[2.0, 2.0], GOOD]])
    told = (
        r"2 of 6 draws are not probability distributions; first: clip 1, draw 1 = \[-1.0, 3.5\]. Did you pass logits\?"
    )
    with pytest.raises(ValueError, match=told):
        mutual_information(draws)


def test_torch_tensors_are_refused_with_the_same_words() -> None:
    with pytest.raises(ValueError, match=r"1 of 2 draws are not .* clip 0, draw 1 = \[0.5, 0.25\]"):
        mutual_information(torch.tensor([[GOOD, [0.5, 0.25]]]))


def test_a_negative_probability_is_refused_though_the_sum_is_1() -> None:
    with pytest.raises(ValueError, match="1 of 1 draws are not probability distributions"):
        check_draws(np.array([[[-0.5, 1.5]]]))


def test_nan_in_a_valid_draw_is_refused() -> None:
    with pytest.raises(ValueError, match=r"clip 0, draw 0 = \[nan, 1.0\]"):
        check_draws(np.array([[[np.nan, 1.0], GOOD]]))


def test_what_a_draw_that_is_not_valid_holds_is_not_looked_at() -> None:
    draws, valid = np.array([[GOOD, [7.0, 7.0], GOOD]]), np.array([[True, False, True]])
    assert mutual_information(draws, valid)[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("error", [0.0009, -0.0009])
def test_rounded_answers_are_distributions(error: float) -> None:
    check_draws(np.array([[[0.25, 0.75 + error]]]))


def test_an_error_above_a_thousandth_is_not_rounding() -> None:
    with pytest.raises(ValueError, match="not probability distributions"):
        check_draws(np.array([[[0.25, 0.752]]]))
