"""AaD's loss against a literal NumPy second implementation, and how dispersion fades."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.contracts.errors import TrainingError
from tasks.networks.head import Head
from tasks.students.aad import AaDSettings
from tasks.students.aad_loop import AaDObjective
from tasks.students.base import TrainingData
from tests.students.baseline_toys import CLASSES, Step, all_by_hand, nearest_by_hand, parts_of, step_of, unit

MakeData = Callable[..., TrainingData]
ROWS = [7, 0, 3, 10, 4]


def expected_parts(head: Head, data: TrainingData, step: Step, k: int, weight: float) -> dict[str, float]:
    """Equation 5, one pair after the other."""
    hidden_NH, scores_NC = all_by_hand(head, data)
    unit_NH = unit(hidden_NH)
    unit_NH[step.rows], scores_NC[step.rows] = unit(step.hidden_BH), step.probs_BC
    near, apart = [], []
    for i, (row, p_C) in enumerate(zip(step.rows, step.probs_BC, strict=True)):
        near.append(-sum(float(scores_NC[n] @ p_C) for n in nearest_by_hand(unit_NH, row, k)))
        apart.append(sum(float(other_C @ p_C) for m, other_C in enumerate(step.probs_BC) if m != i))
    return {"near": float(np.mean(near)), "apart": weight * float(np.mean(apart))}


@pytest.mark.parametrize(("at", "weight"), [(0, 1.0), (10, 2.0**-5), (30, 4.0**-5)])
def test_the_loss_is_that_of_the_formulas(head: Head, data_of: MakeData, at: int, weight: float) -> None:
    data = data_of(n=20)
    objective = AaDObjective(AaDSettings(batch_size=5, steps=100), head, data)
    step = step_of(head, data, ROWS, step=at)
    assert parts_of(objective, step) == pytest.approx(expected_parts(head, data, step, 5, weight), abs=1e-5)


def test_dispersion_pushes_both_of_a_pair(head: Head, data_of: MakeData) -> None:
    """Its gradient is that of the quadratic form: twice that of a sum with the others held fixed."""
    data = data_of(n=6)
    objective = AaDObjective(AaDSettings(neighbours=1), head, data)
    step = step_of(head, data, [0, 1, 2, 3, 4, 5])
    objective.begin(0, 0, step.at.rows_B, step.at.heard)
    step.at.logits_BC.retain_grad()
    objective.parts(step.at)["apart"].backward()
    p_BC = step.probs_BC
    expected_BC = np.zeros_like(p_BC)
    for i in range(6):
        others_C = sum(p_BC[j] for j in range(6) if j != i)
        expected_BC[i] = 2 * p_BC[i] * (others_C - others_C @ p_BC[i]) / 6
    np.testing.assert_allclose(step.at.logits_BC.grad, expected_BC, atol=1e-6)


def test_dispersion_fades_from_1_to_almost_nothing() -> None:
    """(1 + 10 t / T)^-5 at the start, after a tenth, and at the end."""
    settings = AaDSettings(steps=200)
    found = [settings.dispersion(step) for step in (0, 20, 200)]
    assert found == pytest.approx([1, 1 / 32, 1 / 161051])


def test_with_fading_0_dispersion_keeps_its_weight() -> None:
    assert [AaDSettings(steps=200, fading=0).dispersion(step) for step in (0, 200)] == [1, 1]


def test_more_neighbours_than_clips_are_refused(head: Head, data_of: MakeData) -> None:
    with pytest.raises(TrainingError, match=r"12 clips .* student\.neighbours is 12"):
        AaDSettings(neighbours=12).loop(head, data_of(), CLASSES)


def test_the_defaults_are_the_authors() -> None:
    assert (AaDSettings().neighbours, AaDSettings().fading) == (5, 5)
