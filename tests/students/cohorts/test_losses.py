"""What members learn from the labels and from each other, against a literal second implementation."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from tasks.students.cohorts.losses import divergences, mean_over, task_losses, teaching

Task = Literal["classes", "regression"]
FloatArray = NDArray[np.float64]


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def divergence_by_hand(
    task: Task, outputs: FloatArray, d: FloatArray, i: int, row: int, can: NDArray[np.bool_]
) -> float:
    """Of one member and row: the weighted mean over all others that can answer the row."""
    if not can[i, row]:
        return 0.0
    total = weight = 0.0
    for j in range(len(outputs)):
        if j == i or not can[j, row] or d[j] == 0:
            continue
        if task == "classes":
            apart = float(entropy(softmax(outputs[j, row]), softmax(outputs[i, row])))  # KL(f_J || f_I)
        else:
            apart = float(np.mean((outputs[i, row] - outputs[j, row]) ** 2))
        total, weight = total + d[j] * apart, weight + d[j]
    return total / weight if weight else 0.0


@pytest.mark.parametrize("task", ["classes", "regression"])
@given(seed=st.integers(0, 99), top=st.lists(st.booleans(), min_size=5, max_size=5), missing=st.booleans())
def test_divergences_are_the_formulas(task: Task, seed: int, top: list[bool], missing: bool) -> None:
    outputs_MBC = numbers(5, 4, 3, seed=seed)
    can_MB = torch.from_numpy(np.random.default_rng(seed).random((5, 4)) > 0.3) if missing else None
    weights_MM = teaching(torch.tensor(top)).double()
    found_MB = divergences(task, outputs_MBC, weights_MM, can_MB).numpy()
    can = np.ones((5, 4), dtype=bool) if can_MB is None else can_MB.numpy()
    d = np.array(top) / max(1, sum(top))  # 1 / |top|, as the paper has it
    expected = [[divergence_by_hand(task, outputs_MBC.numpy(), d, i, b, can) for b in range(4)] for i in range(5)]
    np.testing.assert_allclose(found_MB, expected, atol=1e-9)


def test_a_top_cluster_of_one_teaches_the_others_and_is_taught_by_nobody() -> None:
    outputs_MBC = numbers(3, 2, 4).requires_grad_()
    found_MB = divergences("classes", outputs_MBC, teaching(torch.tensor([False, True, False])).double())
    assert found_MB[1].tolist() == [0, 0]
    assert (found_MB[[0, 2]] > 0).all()


def test_teachers_do_not_move_towards_those_they_teach() -> None:
    outputs_MBC = numbers(2, 3, 4).requires_grad_()
    divergences("regression", outputs_MBC, teaching(torch.tensor([True, False])).double()).sum().backward()
    assert outputs_MBC.grad is not None
    assert (outputs_MBC.grad[0] == 0).all()
    assert (outputs_MBC.grad[1] != 0).all()


def test_the_loss_of_classes_is_cross_entropy_with_a_distribution() -> None:
    outputs_MBC, target_BC = numbers(2, 3, 4), numbers(3, 4, seed=1).softmax(dim=-1)
    expected = -np.sum(target_BC.numpy() * log_softmax(outputs_MBC.numpy(), axis=-1), axis=-1)
    np.testing.assert_allclose(task_losses("classes", outputs_MBC, target_BC), expected)


def test_a_members_mean_is_over_the_rows_it_can_answer() -> None:
    can_MB = torch.tensor([[True, False, True], [False, False, False]])
    assert mean_over(torch.tensor([[1.0, 9.0, 3.0], [9.0, 9.0, 9.0]]), can_MB).tolist() == [2, 0]
