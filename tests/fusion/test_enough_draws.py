"""Which clips are asked once more: those whose fused label may still change, each judged by its own draws."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tasks.fusion.base import Draws, fuse
from tasks.fusion.enough_draws import ask_another, expected_change
from tasks.fusion.mutual_information import MutualInformationRule

FloatArray = NDArray[np.float64]
SURE = [0.98, 0.01, 0.01]
OTHER = [0.01, 0.98, 0.01]
DOUBT = [0.5, 0.3, 0.2]


def draws(*clips: list[list[float]]) -> Draws:
    """One list of draws per clip, all valid."""
    probs_NKC = np.array(clips, dtype=float)
    return Draws(probs_NKC, np.ones(probs_NKC.shape[:2], dtype=bool))


def without(teacher: Draws, *refused: int) -> Draws:
    """The same, with these draws of every clip refused."""
    valid_NK = teacher.valid_NK.copy()
    valid_NK[:, list(refused)] = False
    return Draws(teacher.probs_NKC * valid_NK[..., None], valid_NK)


def fuse_literally(lalm_KC: FloatArray, classifier_KC: FloatArray) -> FloatArray:
    """One clip, by the rule that the pipeline fuses with."""
    teachers = [draws(lalm_KC.tolist()), draws(classifier_KC.tolist())]
    weights_NT = MutualInformationRule().fit(teachers, ["lalm", "classifier"]).weights(teachers)
    return np.asarray(fuse(weights_NT, teachers))[0]


def expect_literally(lalm_KC: FloatArray, classifier_KC: FloatArray, most: int) -> float:
    """The urn drawn from one draw after the other, every order by itself, each outcome fused by the real rule."""
    now_C = fuse_literally(lalm_KC, classifier_KC)
    k, c = lalm_KC.shape
    atoms_SC = np.vstack([lalm_KC, np.eye(c)])
    total = 0.0
    for order in product(range(k + c), repeat=most - k):
        urn_S = np.concatenate([np.ones(k), 0.5 * now_C])
        chance = 1.0
        for atom in order:
            chance *= urn_S[atom] / urn_S.sum()
            urn_S[atom] += 1
        if chance > 0:
            then_C = fuse_literally(np.vstack([lalm_KC, atoms_SC[list(order)]]), classifier_KC)
            moved = 0.5 * np.abs(then_C - now_C).sum()
            total += chance * (1.0 if then_C.argmax() != now_C.argmax() else moved)
    return total


@st.composite
def some_draws(draw: st.DrawFn, n: int, k: int) -> Draws:
    odds_NKC = draw(arrays(float, (n, k, 3), elements=st.floats(0.01, 1)))
    valid_NK = draw(arrays(bool, (n, k), elements=st.sampled_from([True, True, True, False])))
    return Draws(odds_NKC / odds_NKC.sum(axis=-1, keepdims=True) * valid_NK[..., None], valid_NK)


@pytest.mark.parametrize("lalm", [[SURE, SURE], [SURE, OTHER], [SURE, DOUBT], [SURE, OTHER, OTHER]])
def test_the_expected_change_is_that_of_a_literal_second_implementation(lalm: list[list[float]]) -> None:
    classifier = [DOUBT, OTHER]
    expected = expect_literally(np.array(lalm), np.array(classifier), most=5)
    assert expected_change(draws(lalm), draws(classifier), most=5)[0] == pytest.approx(expected)


def test_a_refused_draw_changes_what_is_left_to_ask_and_nothing_else() -> None:
    """Two of three are valid and one may follow: the same as two draws asked of at most three."""
    lalm, classifier = draws([SURE, SURE, DOUBT]), draws([DOUBT, OTHER])
    expected = expected_change(draws([SURE, DOUBT]), classifier, most=3)
    assert expected_change(without(lalm, 1), classifier, most=4) == pytest.approx(expected)


def test_draws_that_agree_are_enough() -> None:
    assert ask_another(draws([SURE, SURE]), draws([SURE, DOUBT]), least=2, most=5, stop=0.1).tolist() == [False]


def test_draws_that_contradict_each_other_are_not() -> None:
    assert ask_another(draws([SURE, OTHER]), draws([DOUBT, OTHER]), least=2, most=5, stop=0.1).tolist() == [True]


def test_a_contradiction_that_the_classifier_settles_needs_no_more() -> None:
    """The rule leans on the classifier there, so more draws would hardly move the fused label."""
    assert ask_another(draws([SURE, OTHER]), draws([SURE, SURE]), least=2, most=5, stop=0.1).tolist() == [False]


def test_a_contradiction_that_was_outvoted_needs_no_more() -> None:
    lalm = draws([SURE, OTHER, SURE, SURE])
    assert ask_another(lalm, draws([SURE, SURE]), least=2, most=5, stop=0.1).tolist() == [False]


def test_every_clip_gets_the_least() -> None:
    assert ask_another(draws([SURE, SURE]), draws([SURE, SURE]), least=3, most=5, stop=1).tolist() == [True]


def test_no_clip_gets_more_than_the_most() -> None:
    assert ask_another(draws([SURE, OTHER]), draws([OTHER, DOUBT]), least=2, most=2, stop=0.1).tolist() == [False]


def test_a_clip_with_fewer_than_two_valid_draws_is_asked_again() -> None:
    lalm = without(draws([SURE, SURE, SURE]), 0, 2)
    assert ask_another(lalm, draws([SURE, SURE]), least=2, most=5, stop=0.9).tolist() == [True]


def test_a_clip_that_is_refused_each_time_is_asked_no_more_than_the_most() -> None:
    lalm = without(draws([SURE] * 5), 0, 1, 2, 3, 4)
    assert ask_another(lalm, draws([SURE, SURE]), least=2, most=5, stop=0.1).tolist() == [False]


def test_a_classifier_without_mutual_information_leaves_the_lalm_alone() -> None:
    """One valid dropout pass: the rule gives it no weight, so what it says does not matter."""
    lalm = draws([SURE, DOUBT])
    silent, loud = (without(draws([said, SURE]), 1) for said in (SURE, OTHER))
    assert expected_change(lalm, silent, most=5).tolist() == expected_change(lalm, loud, most=5).tolist()


def test_many_draws_are_looked_ahead_as_far_as_1500_futures_go() -> None:
    """Two draws and three classes, 62 left: ten ahead are 1,001 futures, eleven are 1,365, twelve 1,820."""
    far = expected_change(draws([SURE, DOUBT]), draws([DOUBT, OTHER]), most=64)
    assert far.tolist() == expected_change(draws([SURE, DOUBT]), draws([DOUBT, OTHER]), most=13).tolist()


@given(lalm=some_draws(4, 4), classifier=some_draws(4, 3))
def test_the_expected_change_lies_within_0_and_1(lalm: Draws, classifier: Draws) -> None:
    change_N = expected_change(lalm, classifier, most=6)
    assert ((change_N >= 0) & (change_N <= 1 + 1e-9)).all()


@given(lalm=some_draws(5, 5), classifier=some_draws(5, 3), stop=st.floats(0.01, 0.5))
@settings(max_examples=50)
def test_a_settled_clip_is_never_asked_again(lalm: Draws, classifier: Draws, stop: float) -> None:
    """Whatever the draws after the one that settled it."""
    asked_NK = np.stack([ask_first(lalm, classifier, k, stop) for k in (2, 3, 4)], axis=1)
    assert (asked_NK[:, 1:] <= asked_NK[:, :-1]).all()


@given(lalm=some_draws(5, 3), classifier=some_draws(5, 3), stop=st.floats(0.01, 0.5))
@settings(max_examples=50)
def test_other_clips_do_not_matter(lalm: Draws, classifier: Draws, stop: float) -> None:
    """Bit for bit: a clip alone has the same expected change as among others."""
    together_N = expected_change(lalm, classifier, most=5)
    alone_N = [expected_change(one(lalm, n), one(classifier, n), most=5)[0] for n in range(5)]
    assert together_N.tolist() == alone_N


def test_a_larger_tolerance_asks_less() -> None:
    lalm = draws([SURE, SURE], [SURE, DOUBT], [SURE, OTHER])
    classifier = draws([DOUBT, OTHER], [DOUBT, OTHER], [DOUBT, OTHER])
    asked = [int(ask_another(lalm, classifier, least=2, most=5, stop=stop).sum()) for stop in (0.001, 0.1, 0.9)]
    assert asked == [3, 2, 0]


def test_teachers_of_different_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="the LALM's draws are of 2 clips, the classifier's of 1"):
        ask_another(draws([SURE, SURE], [SURE, SURE]), draws([SURE, SURE]), least=2, most=5, stop=0.1)


@pytest.mark.parametrize(("least", "most"), [(1, 5), (4, 3)])
def test_limits_that_make_no_sense_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"expected 2 <= least <= most, got least {least} and most {most}"):
        ask_another(draws([SURE, SURE]), draws([SURE, SURE]), least=least, most=most, stop=0.1)


def test_draws_that_are_no_distributions_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 draws are not probability distributions"):
        ask_another(draws([SURE, [3, 0, 0]]), draws([SURE, SURE]), least=2, most=5, stop=0.1)


def ask_first(lalm: Draws, classifier: Draws, k: int, stop: float) -> NDArray[np.bool_]:
    return ask_another(Draws(lalm.probs_NKC[:, :k], lalm.valid_NK[:, :k]), classifier, least=2, most=5, stop=stop)


def one(teacher: Draws, n: int) -> Draws:
    return Draws(teacher.probs_NKC[n : n + 1], teacher.valid_NK[n : n + 1])
