"""The bank of features and predictions: what is near, what is new."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import Means
from tasks.networks.head import Head
from tasks.students.bank import Bank, check_neighbours
from tasks.students.base import TrainingData
from tests.students.baseline_toys import all_by_hand, nearest_by_hand, step_of, stir, unit

MakeData = Callable[..., TrainingData]


def test_at_first_it_holds_what_the_classifier_makes_of_all_clips_without_dropout(
    head: Head, data_of: MakeData
) -> None:
    data = data_of()
    bank = Bank(head, data, batch_size=5)
    bank.fill()
    hidden_NH, probs_NC = all_by_hand(head, data)
    np.testing.assert_allclose(bank.state()["features"], unit(hidden_NH), atol=1e-6)
    np.testing.assert_allclose(bank.probs_NC, probs_NC, atol=1e-6)


def test_filling_it_again_changes_nothing(head: Head, data_of: MakeData) -> None:
    bank = Bank(head, data_of(), batch_size=5)
    bank.fill()
    before = bank.probs_NC.clone()
    stir(head)
    bank.fill()
    assert torch.equal(bank.probs_NC, before)


def test_it_holds_the_newest_prediction_of_each_clip(head: Head, data_of: MakeData) -> None:
    data = data_of()
    bank = Bank(head, data, batch_size=5)
    bank.fill()
    _, expected_NC = all_by_hand(head, data)
    for rows in ([3, 1, 8], [8, 0]):
        stir(head)
        step = step_of(head, data, rows)
        bank.renew(step.at)
        expected_NC[rows] = step.probs_BC
    np.testing.assert_allclose(bank.probs_NC, expected_NC, atol=1e-5)


def test_features_of_a_batch_are_renewed_too(head: Head, data_of: MakeData) -> None:
    data = data_of()
    bank = Bank(head, data, batch_size=5)
    bank.fill()
    stir(head)
    step = step_of(head, data, [3, 1, 8])
    bank.renew(step.at)
    np.testing.assert_allclose(bank.state()["features"][[3, 1, 8]], unit(step.hidden_BH), atol=1e-5)


def test_the_nearest_are_those_of_the_largest_cosine(head: Head, data_of: MakeData) -> None:
    data = data_of(n=20)
    bank = Bank(head, data, batch_size=5)
    bank.fill()
    unit_NH = unit(all_by_hand(head, data)[0])
    expected = [nearest_by_hand(unit_NH, row, 4) for row in (2, 19)]
    assert bank.nearest(torch.tensor([2, 19]), 4).tolist() == expected


def test_a_clip_is_not_its_own_neighbour_even_where_others_are_the_same(head: Head, data_of: MakeData) -> None:
    data = data_of(n=6, features=Means(torch.ones(6, 2, 5)))
    bank = Bank(head, data, batch_size=5)
    bank.fill()
    for row in range(6):
        assert sorted(bank.nearest(torch.tensor([row]), 5)[0].tolist()) == [n for n in range(6) if n != row]


def test_as_many_neighbours_as_clips_are_refused(data_of: MakeData) -> None:
    check_neighbours(data_of(n=4), 3, "neighbours")
    told = r"4 clips have a pseudo-label, so that each has 3 neighbours; student\.neighbours is 4\. Lower it"
    with pytest.raises(TrainingError, match=told):
        check_neighbours(data_of(n=4), 4, "neighbours")
