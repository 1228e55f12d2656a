"""Strategies are compared seed by seed, with the best single one of the setting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.meta_fusion.comparing import best_of, difference, is_within, mean_and_error, strategies_table

ERRORS = {"early": [10.0, 20.0, 30.0], "late": [12.0, 21.0, 36.0], "ensemble": [10.5, 20.5, 29.5]}


def test_a_difference_is_taken_within_the_seeds() -> None:
    """By hand: 2, 1 and 6; mean 3, standard deviation sqrt(7), over sqrt(3)."""
    assert difference(ERRORS, "late", "early") == pytest.approx((3.0, (7 / 3) ** 0.5))


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9), st.floats(-50, 50))
def test_what_all_methods_share_in_a_seed_is_not_in_the_difference(shared_Z: list[float], offset: float) -> None:
    errors = {"a": shared_Z, "b": [value + offset for value in shared_Z]}
    mean, error = difference(errors, "b", "a")
    assert mean == pytest.approx(offset, abs=1e-9)
    assert error == pytest.approx(0, abs=1e-9)


def test_one_seed_has_no_standard_error() -> None:
    with pytest.raises(ValueError, match="2 seeds at least, got 1"):
        mean_and_error([1.0])


def test_the_best_single_strategy_is_chosen_among_the_single_ones() -> None:
    assert best_of(ERRORS | {"ensemble": [0.0, 0.0, 0.0]}, ["early", "late"]) == "early"


def test_better_by_any_amount_is_within() -> None:
    assert is_within({"a": [1.0, 1.0], "b": [9.0, 9.0]}, "a", "b")


def test_worse_by_more_than_one_standard_error_is_not_within() -> None:
    assert not is_within(ERRORS, "late", "early")


def test_the_table_names_the_best_single_strategy_and_judges_the_others() -> None:
    told = strategies_table("1.1", ERRORS, ["early", "late"], [100.0, 102.0, 104.0]).markdown()
    assert "| − early " in told
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in told.splitlines()
        if "±" in line and "|" in line
    }
    assert rows["early"][-1] == "(the best single)"
    assert rows["late"] == ["23.0 ± 7.0", "+3.00 ± 1.53", "no"]
    assert rows["ensemble"][-1] == "yes"
