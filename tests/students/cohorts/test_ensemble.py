"""Who speaks for the cohort, against a literal second implementation of the greedy choice."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax

from tasks.students.cohorts.ensemble import answers, ensemble, only
from tasks.students.cohorts.losses import task_losses

Task = Literal["classes", "regression"]
FloatArray = NDArray[np.float64]


def cohort_of(task: Task, seed: int, m: int = 8, n: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Members that are right in their own way, some of them bad: outputs, target, losses."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, 3))
    outputs = truth + rng.normal(size=(m, n, 3)) * rng.uniform(0.2, 3, size=(m, 1, 1))
    target = np.exp(log_softmax(3 * truth, axis=-1)) if task == "classes" else truth
    outputs_MNC, target_NC = torch.from_numpy(outputs), torch.from_numpy(target)
    return outputs_MNC, target_NC, task_losses(task, outputs_MNC, target_NC).mean(dim=1)


def loss_by_hand(task: Task, outputs: FloatArray, target: FloatArray, v: FloatArray, chosen: list[int]) -> float:
    mean = sum(v[m] * outputs[m] for m in chosen) / sum(v[m] for m in chosen)
    if task == "classes":
        return float(-np.mean(np.sum(target * log_softmax(mean, axis=-1), axis=-1)))
    return float(np.mean((mean - target) ** 2))


def chosen_by_hand(task: Task, outputs: FloatArray, target: FloatArray, losses: FloatArray, prune: float) -> list[int]:
    v = 1 / losses
    candidates = sorted(range(len(losses)), key=lambda m: losses[m])
    candidates = candidates[: len(losses) - int(prune * len(losses))]
    chosen, rest = candidates[:3], candidates[3:]
    while rest:
        found = {m: loss_by_hand(task, outputs, target, v, [*chosen, m]) for m in rest}
        best = min(found, key=lambda m: found[m])
        if not found[best] < loss_by_hand(task, outputs, target, v, chosen):
            break
        chosen.append(best)
        rest.remove(best)
    return sorted(chosen)


@pytest.mark.parametrize("task", ["classes", "regression"])
@given(seed=st.integers(0, 999), prune=st.sampled_from([0.0, 0.2, 0.5]))
def test_it_takes_whom_the_paper_takes(task: Task, seed: int, prune: float) -> None:
    outputs_MNC, target_NC, losses_M = cohort_of(task, seed)
    weights_M = ensemble(task, outputs_MNC, target_NC, losses_M, prune)
    given = (outputs_MNC.numpy(), target_NC.numpy(), losses_M.numpy())
    expected = chosen_by_hand(task, *given, prune)
    assert weights_M.nonzero()[:, 0].tolist() == expected
    v = 1 / losses_M[expected]
    np.testing.assert_allclose(weights_M[expected], v / v.sum())


@given(seed=st.integers(0, 999), order=st.permutations(range(8)))
def test_the_order_of_the_members_does_not_matter(seed: int, order: list[int]) -> None:
    outputs_MNC, target_NC, losses_M = cohort_of("regression", seed)
    one_M = ensemble("regression", outputs_MNC, target_NC, losses_M)
    other_M = ensemble("regression", outputs_MNC[order], target_NC, losses_M[order])
    np.testing.assert_allclose(other_M, one_M[order])


@given(seed=st.integers(0, 999))
def test_weights_sum_to_1_and_it_is_never_worse_than_its_first_three(seed: int) -> None:
    outputs_MNC, target_NC, losses_M = cohort_of("classes", seed)
    weights_M = ensemble("classes", outputs_MNC, target_NC, losses_M)
    assert weights_M.sum().item() == pytest.approx(1)
    first_M = only(1 / losses_M, losses_M.argsort()[:3].tolist())
    losses = [
        task_losses("classes", answers(outputs_MNC, each_M, losses_M)[None], target_NC).mean().item()
        for each_M in (weights_M, first_M)
    ]
    assert losses[0] <= losses[1] + 1e-12


def test_the_worst_fifth_is_no_candidate_however_much_it_would_help() -> None:
    """Four members err upwards by 1, the worst downwards by 2: with it the mean would be better."""
    outputs_MNC = torch.tensor([1.0, 1.0, 1.0, 1.0, -2.0])[:, None, None]
    losses_M = torch.tensor([1.0, 1.0, 1.0, 1.0, 4.0])
    assert ensemble("regression", outputs_MNC, torch.zeros(1, 1), losses_M)[4] == 0
    assert ensemble("regression", outputs_MNC, torch.zeros(1, 1), losses_M, prune=0)[4] > 0


def test_a_member_that_is_never_wrong_leaves_the_weights_finite() -> None:
    weights_M = ensemble("regression", torch.zeros(2, 3, 1), torch.zeros(3, 1), torch.tensor([0.0, 1.0]))
    assert weights_M.isfinite().all()


def test_of_a_row_that_some_cannot_answer_the_others_weights_sum_to_1() -> None:
    outputs_MNC = torch.tensor([[[1.0], [1.0], [1.0]], [[3.0], [3.0], [3.0]], [[7.0], [7.0], [7.0]]])
    can_MN = torch.tensor([[True, True, False], [True, False, False], [True, True, True]])
    found_NC = answers(outputs_MNC, torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.0, 2.0, 3.0]), can_MN)
    assert found_NC[:, 0].tolist() == [2, 1, 7]  # the last row by the best of those that can, outside the ensemble


def test_a_value_that_stands_in_the_place_of_nothing_is_not_heard() -> None:
    outputs_MNC, can_MN = torch.tensor([[[1.0]], [[99.0]]]), torch.tensor([[True], [False]])
    assert answers(outputs_MNC, torch.tensor([0.5, 0.5]), torch.tensor([1.0, 2.0]), can_MN).item() == 1
