"""Which members are the top cluster."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.students.cohorts.clusters import clusters


def test_a_case_done_by_hand() -> None:
    """Three groups far apart; the best silhouette is at 3, and the smallest mean comes first."""
    losses_M = np.array([9.0, 0.1, 5.0, 0.2, 5.1, 9.1, 0.15])
    assert clusters(losses_M).tolist() == [2, 0, 1, 0, 1, 2, 0]


def test_a_number_that_is_asked_for_is_kept() -> None:
    losses_M = np.array([9.0, 0.1, 5.0, 0.2, 5.1, 9.1, 0.15])
    assert clusters(losses_M, k=2).tolist() == [1, 0, 1, 0, 1, 1, 0]
    assert clusters(losses_M, k=1).tolist() == [0] * 7


@pytest.mark.parametrize("losses", [[2.0], [1.0, 5.0], [3.0, 3.0, 3.0, 3.0]])
def test_one_or_two_members_or_losses_all_alike_are_one_cluster(losses: list[float]) -> None:
    assert clusters(np.array(losses)).tolist() == [0] * len(losses)


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=8), st.randoms())
def test_the_best_member_is_in_the_top_cluster_wherever_it_stands(losses: list[int], random: object) -> None:
    """In one dimension clusters are intervals, and the first of them holds the smallest loss."""
    losses_M = np.array(losses, dtype=np.float64)
    found_M = clusters(losses_M)
    assert found_M[losses_M.argmin()] == 0
    top = losses_M[found_M == 0]
    assert (losses_M[found_M > 0] > top.max()).all()
