import math

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from tasks.students.losses import diversity, soft_cross_entropy

LOGITS = st.tuples(st.integers(1, 8), st.integers(2, 6)).flatmap(
    lambda shape: npst.arrays(np.float64, shape, elements=st.floats(-20, 20))
)


def random_target(logits_NC: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.random.default_rng(logits_NC.size).dirichlet(np.ones(logits_NC.shape[1]), size=len(logits_NC))


@hypothesis.given(LOGITS)
def test_soft_cross_entropy_is_the_formula(logits_NC: NDArray[np.float64]) -> None:
    target_NC = random_target(logits_NC)
    total = 0.0
    for logits_C, target_C in zip(logits_NC, target_NC, strict=True):
        total -= float(np.sum(target_C * log_softmax(logits_C)))
    found = soft_cross_entropy(torch.from_numpy(logits_NC), torch.from_numpy(target_NC))
    assert found.item() == pytest.approx(total / len(logits_NC), abs=1e-9)


@hypothesis.given(LOGITS)
def test_cross_entropy_is_entropy_plus_divergence(logits_NC: NDArray[np.float64]) -> None:
    target_NC = random_target(logits_NC)
    expected = np.mean(entropy(target_NC, axis=1) + entropy(target_NC, softmax(logits_NC, axis=1), axis=1))
    found = soft_cross_entropy(torch.from_numpy(logits_NC), torch.from_numpy(target_NC))
    assert found.item() == pytest.approx(expected, abs=1e-7)


@hypothesis.given(LOGITS)
def test_no_prediction_is_better_than_the_target_itself(logits_NC: NDArray[np.float64]) -> None:
    target_NC = torch.from_numpy(random_target(logits_NC)).clamp(min=1e-9)
    assert soft_cross_entropy(torch.from_numpy(logits_NC), target_NC) >= soft_cross_entropy(target_NC.log(), target_NC)


def test_soft_cross_entropy_of_one_hot_targets_is_the_usual_one() -> None:
    logits_NC, labels_N = torch.randn(7, 4), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    one_hot_NC = torch.nn.functional.one_hot(labels_N, 4).float()
    expected = torch.nn.functional.cross_entropy(logits_NC, labels_N)
    torch.testing.assert_close(soft_cross_entropy(logits_NC, one_hot_NC), expected)


def test_soft_cross_entropy_by_hand() -> None:
    """-(0.75 log 0.9 + 0.25 log 0.1)"""
    logits_NC = torch.tensor([[math.log(9.0), 0.0]])
    assert soft_cross_entropy(logits_NC, torch.tensor([[0.75, 0.25]])).item() == pytest.approx(0.654667, abs=1e-6)


def test_a_certain_and_wrong_prediction_costs_much_but_stays_finite() -> None:
    assert soft_cross_entropy(torch.tensor([[500.0, -500.0]]), torch.tensor([[0.0, 1.0]])).item() == 1000


@hypothesis.given(LOGITS)
def test_diversity_is_the_negative_entropy_of_the_mean_prediction(logits_NC: NDArray[np.float64]) -> None:
    expected = -entropy(softmax(logits_NC, axis=1).mean(axis=0))
    assert diversity(torch.from_numpy(logits_NC)).item() == pytest.approx(expected, abs=1e-9)


@hypothesis.given(LOGITS)
def test_diversity_lies_between_minus_log_c_and_0(logits_NC: NDArray[np.float64]) -> None:
    assert -math.log(logits_NC.shape[1]) - 1e-9 <= diversity(torch.from_numpy(logits_NC)).item() <= 1e-9


def test_diversity_is_of_the_batch_and_not_of_each_clip() -> None:
    """Two certain predictions of different classes are as diverse as two that are undecided."""
    certain, undecided = torch.tensor([[30.0, -30.0], [-30.0, 30.0]]), torch.zeros(2, 2)
    assert diversity(certain).item() == pytest.approx(-math.log(2), abs=1e-6)
    assert diversity(certain).item() == pytest.approx(diversity(undecided).item(), abs=1e-6)


def test_one_class_for_all_has_no_diversity_and_still_a_gradient() -> None:
    logits_NC = torch.tensor([[200.0, -200.0], [200.0, -200.0]], requires_grad=True)
    loss = diversity(logits_NC)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits_NC.grad is not None
    assert torch.isfinite(logits_NC.grad).all()
