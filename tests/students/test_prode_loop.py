"""ProDe's labels and loss against a literal NumPy second implementation."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from tasks.contracts.errors import TrainingError
from tasks.fusion.base import Draws
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.prode import ProDeSettings
from tasks.students.prode_loop import ProDeObjective, shared_information
from tests.students.baseline_toys import (
    CLASSES,
    FloatArray,
    all_by_hand,
    information_by_hand,
    parts_of,
    step_of,
    stir,
)

MakeData = Callable[..., TrainingData]
ROWS = [7, 0, 3, 10, 4]  # of them all have an answer; clip 1 has none


def floor_by_hand(p_C: FloatArray) -> FloatArray:
    raised_C = np.maximum(p_C, 0.04 / len(p_C))
    return raised_C / raised_C.sum()


def paid_by_hand(data: TrainingData, n: int) -> FloatArray:
    assert data.draws[0] is not None
    drawn_KC = data.draws[0].probs_NKC[n][data.draws[0].valid_NK[n]]
    return floor_by_hand(drawn_KC.double().numpy().mean(axis=0))


def targets_by_hand(data: TrainingData, source_NC: FloatArray, student_NC: FloatArray, omega: float) -> FloatArray:
    logs = [np.log(paid_by_hand(data, n)) + omega * (log_softmax(np.log(student_NC[n])) - source_NC[n]) for n in ROWS]
    return softmax(logs, axis=-1)


def shared_by_hand(p_BC: FloatArray, q_BC: FloatArray) -> float:
    joint = sum(np.outer(p, q) + np.outer(q, p) for p, q in zip(p_BC, q_BC, strict=True)) / (2 * len(p_BC))
    classes = range(len(joint))
    return sum(joint[i, j] * np.log(joint[i, j] / joint[i].sum() / joint[j].sum()) for i in classes for j in classes)


@pytest.mark.parametrize("omega", [0.0, 0.3, 1.0])
def test_the_loss_is_that_of_the_formulas(head: Head, data_of: MakeData, omega: float) -> None:
    data = data_of()
    objective = ProDeObjective(ProDeSettings(omega=omega), head, data)
    _, source_NC = all_by_hand(head, data)
    stir(head)
    q_BC = targets_by_hand(data, source_NC, all_by_hand(head, data)[1], omega)
    step = step_of(head, data, ROWS)
    cross_entropy = -np.mean([np.log(p_C[q_C.argmax()]) for p_C, q_C in zip(step.probs_BC, q_BC, strict=True)])
    expected = {"sync": -1.3 * shared_by_hand(step.probs_BC, q_BC), "ce": 0.4 * cross_entropy}
    expected |= {"div": information_by_hand(step.probs_BC)["div"]}
    assert parts_of(objective, step) == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(objective.target_BC(), q_BC, atol=1e-5)


def test_with_omega_0_the_paid_teachers_are_taken_at_their_word_wherever_the_student_goes(
    head: Head, data_of: MakeData
) -> None:
    data = data_of()
    objective = ProDeObjective(ProDeSettings(omega=0), head, data)
    for at in range(3):
        stir(head)
        parts_of(objective, step_of(head, data, ROWS, step=at))
        np.testing.assert_allclose(objective.target_BC(), [paid_by_hand(data, n) for n in ROWS], atol=1e-6)


def test_of_a_clip_without_an_answer_the_source_speaks(head: Head, data_of: MakeData) -> None:
    data = data_of()
    objective = ProDeObjective(ProDeSettings(omega=0), head, data)
    _, source_NC = all_by_hand(head, data)
    stir(head)
    parts_of(objective, step_of(head, data, [1, 2]))
    target_BC = objective.target_BC()
    assert target_BC is not None
    np.testing.assert_allclose(target_BC[0], floor_by_hand(source_NC[1]), atol=1e-6)


def test_several_paid_teachers_count_the_same(head: Head, data_of: MakeData) -> None:
    one_C, other_C = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.1, 0.4, 0.5])
    draws = [Draws(p_C.expand(12, k, 3), torch.ones(12, k, dtype=torch.bool)) for p_C, k in ((one_C, 5), (other_C, 2))]
    data = data_of(draws=draws)
    objective = ProDeObjective(ProDeSettings(omega=0), head, data)
    parts_of(objective, step_of(head, data, [0]))
    np.testing.assert_allclose(objective.target_BC(), [[0.4, 0.3, 0.3]], atol=1e-6)


def test_without_any_answer_of_a_paid_teacher_it_is_refused(head: Head, data_of: MakeData) -> None:
    silent = Draws(torch.zeros(12, 4, 3), torch.zeros(12, 4, dtype=torch.bool))
    with pytest.raises(TrainingError, match=r"student\.kind prode learns from them\. Ask again \(`mifuse run --retry"):
        ProDeSettings().loop(head, data_of(draws=[silent, None]), CLASSES)


probabilities = st.lists(st.floats(0.01, 1), min_size=3, max_size=3)


@given(st.lists(st.tuples(probabilities, probabilities), min_size=1, max_size=6))
def test_shared_information_lies_between_0_and_log_c(pairs: list[tuple[list[float], list[float]]]) -> None:
    odds = torch.tensor(pairs, dtype=torch.float64)
    p_BC, q_BC = (odds / odds.sum(dim=-1, keepdim=True)).unbind(dim=1)
    assert -1e-9 <= shared_information(p_BC, q_BC).item() <= np.log(3)


def test_predictions_that_do_not_depend_on_the_clip_share_nothing() -> None:
    p_BC = torch.tensor([[0.7, 0.2, 0.1]]).repeat(4, 1)
    assert shared_information(p_BC, p_BC).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("omega", [-0.1, 1.1])
def test_a_correction_out_of_bounds_is_refused(omega: float) -> None:
    with pytest.raises(ValueError, match="omega"):
        ProDeSettings(omega=omega)
