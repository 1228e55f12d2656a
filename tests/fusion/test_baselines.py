"""The rules that the paper's is compared with, by hand."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from tasks.fusion.base import Draws
from tasks.fusion.entropy import EntropyRule
from tasks.fusion.equal import EqualRule
from tasks.fusion.single import SingleRule

TEACHERS = ["lalm", "classifier"]


def one_clip(*draws: ArrayLike) -> Draws:
    return Draws(np.array([draws], dtype=float), np.ones((1, len(draws)), dtype=bool))


SURE, FLAT = one_clip([1, 0], [1, 0]), one_clip([0.5, 0.5])
SILENT = Draws(np.zeros((1, 2, 2)), np.zeros((1, 2), dtype=bool))


def test_entropy_trusts_a_flat_teacher_less() -> None:
    """exp(-H): 1 for a sure teacher, exp(-log 2) = 1/2 for a flat one."""
    assert EntropyRule().fit([SURE, FLAT], TEACHERS).weights([SURE, FLAT])[0] == pytest.approx([2 / 3, 1 / 3])


def test_entropy_cannot_tell_contradiction_from_doubt() -> None:
    draws = [one_clip([1, 0], [0, 1]), FLAT]
    assert EntropyRule().fit(draws, TEACHERS).weights(draws)[0] == pytest.approx([0.5, 0.5])


def test_equal_gives_each_of_three_teachers_a_third() -> None:
    draws = [SURE, FLAT, SURE]
    assert EqualRule().fit(draws, ["a", "b", "c"]).weights(draws)[0] == pytest.approx([1 / 3] * 3)


def test_equal_shares_among_those_that_answered() -> None:
    draws = [SURE, SILENT, FLAT]
    assert EqualRule().fit(draws, ["a", "b", "c"]).weights(draws)[0] == pytest.approx([0.5, 0, 0.5])


@pytest.mark.parametrize(("teacher", "weights"), [("lalm", [1, 0]), ("classifier", [0, 1])])
def test_single_takes_the_named_teacher(teacher: str, weights: list[float]) -> None:
    assert SingleRule(teacher=teacher).fit([SURE, FLAT], TEACHERS).weights([SURE, FLAT]).tolist() == [weights]


def test_single_does_not_fall_back_on_another_teacher() -> None:
    assert SingleRule(teacher="lalm").fit([SILENT, SURE], TEACHERS).weights([SILENT, SURE]).tolist() == [[0, 0]]


def test_single_refuses_a_teacher_that_is_not_there() -> None:
    with pytest.raises(ValueError, match='no teacher "gemini" to fuse from; the teachers are lalm, classifier'):
        SingleRule(teacher="gemini").fit([SURE, FLAT], TEACHERS)
