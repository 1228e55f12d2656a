"""NRC's loss against a literal NumPy second implementation."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.contracts.errors import TrainingError
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.nrc import NRCSettings
from tasks.students.nrc_loop import NRCObjective
from tests.students.baseline_toys import (
    CLASSES,
    Step,
    all_by_hand,
    information_by_hand,
    nearest_by_hand,
    parts_of,
    step_of,
    stir,
    unit,
)

MakeData = Callable[..., TrainingData]
ROWS = [7, 0, 3, 10, 4]


def expected_parts(head: Head, data: TrainingData, step: Step, k: int, m: int) -> dict[str, float]:
    """Equations 3 to 8, one neighbour after the other; the banks as the step finds and renews them."""
    hidden_NH, scores_NC = all_by_hand(head, data)
    unit_NH = unit(hidden_NH)
    unit_NH[step.rows], scores_NC[step.rows] = unit(step.hidden_BH), step.probs_BC
    near = expanded = 0.0
    for row, p_C in zip(step.rows, step.probs_BC, strict=True):
        for neighbour in nearest_by_hand(unit_NH, row, k):
            theirs = nearest_by_hand(unit_NH, neighbour, m)
            near -= (1.0 if row in theirs else 0.1) * float(scores_NC[neighbour] @ p_C)
            expanded -= sum(0.1 * float(scores_NC[other] @ p_C) for other in theirs)
    b = len(step.rows)
    return {"near": near / b, "expanded": expanded / b, "div": information_by_hand(step.probs_BC)["div"]}


@pytest.mark.parametrize(("k", "m"), [(3, 2), (2, 4), (1, 1)])
def test_the_loss_is_that_of_the_formulas(head: Head, data_of: MakeData, k: int, m: int) -> None:
    data = data_of(n=20)
    objective = NRCObjective(NRCSettings(batch_size=5, neighbours=k, expanded=m), head, data)
    step = step_of(head, data, ROWS)
    assert parts_of(objective, step) == pytest.approx(expected_parts(head, data, step, k, m), abs=1e-5)


def test_only_who_chooses_each_other_counts_fully(head: Head, data_of: MakeData) -> None:
    """With as many neighbours' neighbours as there are other clips, all are mutual, and each is met n - 2 times."""
    data = data_of(n=6)
    step = step_of(head, data, [0, 1, 2, 3, 4, 5])
    parts = parts_of(NRCObjective(NRCSettings(neighbours=5, expanded=5), head, data), step)
    p_BC = step.probs_BC
    others = np.mean([[p_BC[i] @ p_BC[j] for j in range(6) if j != i] for i in range(6)])
    itself = np.mean([p_C @ p_C for p_C in p_BC])
    assert parts["near"] == pytest.approx(-5 * others, abs=1e-5)
    assert parts["expanded"] == pytest.approx(-0.1 * (4 * 5 * others + 5 * itself), abs=1e-5)


def test_the_neighbours_scores_are_held_fixed(head: Head, data_of: MakeData) -> None:
    """The gradient is that of a sum of constant vectors times p, not of a quadratic form."""
    data = data_of(n=6)
    objective = NRCObjective(NRCSettings(neighbours=5, expanded=5), head, data)
    step = step_of(head, data, [0, 1, 2, 3, 4, 5])
    objective.begin(0, 0, step.at.rows_B, step.at.heard)
    step.at.logits_BC.retain_grad()
    objective.parts(step.at)["near"].backward()
    p_BC = step.probs_BC
    expected_BC = np.zeros_like(p_BC)
    for i in range(6):
        wanted_C = sum(p_BC[j] for j in range(6) if j != i)
        expected_BC[i] = -p_BC[i] * (wanted_C - wanted_C @ p_BC[i]) / 6
    np.testing.assert_allclose(step.at.logits_BC.grad, expected_BC, atol=1e-6)


def test_the_second_step_sees_the_first_steps_predictions(head: Head, data_of: MakeData) -> None:
    data = data_of(n=8)
    objective = NRCObjective(NRCSettings(), head, data)
    first = step_of(head, data, [0, 1, 2, 3])
    parts_of(objective, first)
    stir(head)
    second = step_of(head, data, [4, 5, 6, 7], step=1)
    parts_of(objective, second)
    np.testing.assert_allclose(objective.state()["probs"], [*first.probs_BC, *second.probs_BC], atol=1e-5)


@pytest.mark.parametrize("setting", ["neighbours", "expanded"])
def test_more_neighbours_than_clips_are_refused(head: Head, data_of: MakeData, setting: str) -> None:
    settings = NRCSettings.model_validate({setting: 12})
    with pytest.raises(TrainingError, match=rf"12 clips .* student\.{setting} is 12"):
        settings.loop(head, data_of(), CLASSES)


def test_the_defaults_are_the_authors() -> None:
    assert (NRCSettings().neighbours, NRCSettings().expanded) == (3, 2)
