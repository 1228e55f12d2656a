"""Results by case: who the better teacher is, what a method gains, whether teachers err together."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.questions.cases import Case, cases_of, error_correlation
from bench.transfers.kept import Result

Make = Callable[..., Result]
GOLD = "00112233"


@pytest.fixture
def case(make_result: Make) -> Case:
    """Half right, three quarters right, all right."""
    said = {"source": "00110000", "LALM": "00112200", "paper": GOLD}
    return Case([make_result(GOLD, named, method=method) for method, named in said.items()])


def test_the_better_teacher_is_the_one_with_the_larger_ua(case: Case) -> None:
    assert case.better_teacher == "LALM"


def test_gain_counts_from_the_better_teacher(case: Case) -> None:
    assert case.gain("paper").value == pytest.approx(25)


def test_ua_is_the_mean_over_the_seeds(make_result: Make) -> None:
    runs = [make_result(GOLD, named, method="source", seed=n) for n, named in enumerate((GOLD, "00110000"))]
    case = Case([*runs, make_result(GOLD, GOLD, method="LALM")])
    assert case.ua("source").value == pytest.approx(75)


def test_scenes_and_transfers_are_cases_of_their_own(make_result: Make) -> None:
    results = [
        make_result(GOLD, GOLD, method=method, scene=scene, transfer=transfer)
        for scene in "st"
        for transfer in ("a → b", "b → a")
        for method in ("source", "LALM")
    ]
    assert [(case.scene, case.transfer) for case in cases_of(results)] == [
        ("s", "a → b"),
        ("s", "b → a"),
        ("t", "a → b"),
        ("t", "b → a"),
    ]


def test_a_case_without_a_teacher_is_refused(make_result: Make) -> None:
    with pytest.raises(ValueError, match="s, a → b: no result of LALM"):
        Case([make_result(GOLD, GOLD, method="source")])


def test_teachers_that_err_alike_have_a_correlation_of_one(make_result: Make) -> None:
    one, other = make_result(GOLD, "00110000"), make_result(GOLD, "00111111", method="LALM")
    assert error_correlation(one, other) == pytest.approx(1)


def test_teachers_that_err_where_the_other_does_not_have_minus_one(make_result: Make) -> None:
    one, other = make_result(GOLD, "00110000"), make_result(GOLD, "11002233", method="LALM")
    assert error_correlation(one, other) == pytest.approx(-1)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=3, max_size=30))
def test_it_is_the_phi_coefficient_of_the_table_of_errors(errors: list[tuple[bool, bool]]) -> None:
    one_N, other_N = np.array(errors).T
    assume(0 < one_N.sum() < len(errors) and 0 < other_N.sum() < len(errors))
    both, neither = (one_N & other_N).sum(), (~one_N & ~other_N).sum()
    first, second = (one_N & ~other_N).sum(), (~one_N & other_N).sum()
    sides = float(one_N.sum() * (~one_N).sum() * other_N.sum() * (~other_N).sum())
    phi = (float(both) * neither - float(first) * second) / np.sqrt(sides)
    named = ["".join("1" if wrong else "0" for wrong in wrong_N) for wrong_N in (one_N, other_N)]
    gold, who = "0" * len(errors), [0] * len(errors)
    one, other = (Result("s", "a → b", "b", 0, "m", gold, said, who, 0.0, 0.0, [], 0.0) for said in named)
    assert error_correlation(one, other) == pytest.approx(phi)


def test_results_of_other_clips_are_refused(make_result: Make) -> None:
    with pytest.raises(ValueError, match="paper and LALM are not of the same clips and seed"):
        error_correlation(make_result(GOLD, "00110000"), make_result("00112200", "00110000", method="LALM"))


def test_a_teacher_that_never_errs_has_no_correlation(make_result: Make) -> None:
    with pytest.raises(ValueError, match="errs always or never"):
        error_correlation(make_result(GOLD, GOLD), make_result(GOLD, "00110000", method="LALM"))
