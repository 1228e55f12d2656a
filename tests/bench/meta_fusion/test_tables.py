"""The pages are made from outcomes alone."""

from pathlib import Path

import pytest

from bench.meta_fusion.__main__ import page
from bench.meta_fusion.checks import CHECKS, Check, check_table
from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.settings import SETTINGS, SHARED
from bench.meta_fusion.strategies import Found, laid_out
from bench.meta_fusion.trial import Trial

TOLD = {"variance": 60.0, "clusters": 3, "top": 4, "in ensemble": 3}


def _found(ensemble: float) -> Found:
    """Two seeds of every setting: early is best, with 5 and 7."""
    found: Found = {}
    for setting in SETTINGS:
        for seed in range(2):
            single = {"modality 1": 20.0, "modality 2": 30.0 + seed, "early": 5.0 + 2 * seed, "late": 9.0}
            outcome = Outcome(single | {"best member": 6.0, "ensemble": ensemble}, TOLD | {"rho": 3.0 * seed}, 2.0)
            found.setdefault((setting.name, "cohort"), []).append(outcome)
            budget = Outcome({"early, equal budget": 4.0, "late, equal budget": 8.0}, {"networks": 16}, 2.0)
            found.setdefault((setting.name, "budget"), []).append(budget)
    return found


@pytest.mark.parametrize(("ensemble", "verdict"), [(6.5, "kept"), (7.5, "MISSED")])
def test_the_aim_is_judged_by_the_paired_difference(ensemble: float, verdict: str) -> None:
    """The ensemble is worse by 0.5, or by 1.5, with a standard error of 1."""
    aim = laid_out(_found(ensemble))[0]
    assert [[row[1], row[3]] for row in aim.rows] == [["early", verdict]] * len(SETTINGS)


def test_the_ensemble_is_set_against_the_better_of_its_cost() -> None:
    """6 and 6 against 4 and 4."""
    assert laid_out(_found(6.0))[0].rows[0][4:] == ["early, equal budget", "+2.00 ± 0.00"]


def test_equal_budgets_stand_beside_the_single_strategies_and_are_none_of_them() -> None:
    of_setting = laid_out(_found(6.0))[1]
    assert of_setting.header[2] == "− early"
    assert [row[0] for row in of_setting.rows][-2:] == ["early, equal budget", "late, equal budget"]


def test_how_often_each_strength_was_chosen_is_told() -> None:
    assert laid_out(_found(6.0))[-1].rows[0][1] == "0 (1), 3 (1)"


def _by_seed(trial: Trial) -> Outcome:
    return Outcome({"ensemble": float(trial.seed)}, {}, 0.0)


def _more(trial: Trial) -> Outcome:
    return Outcome({"ensemble": 2.0, "rows without": 1.0}, {}, 0.0)


def test_a_check_has_a_column_per_circumstance_and_a_dash_for_what_it_has_not(tmp_path: Path) -> None:
    check = Check("Missing", {"none": (SHARED, _by_seed), "some": (SHARED, _more)})
    table = check_table(check, 2, tmp_path)
    assert table.header == ["", "none", "some"]
    assert table.rows == [["ensemble", "0.50 ± 0.50", "2"], ["rows without", "–", "1"]]


def test_columns_of_all_checks_are_kept_apart() -> None:
    names = [(check.title, column) for check in CHECKS for column in check.columns]
    assert len({*names}) == len(names)


def test_a_page_begins_with_the_command_that_makes_it() -> None:
    assert page("checks", 3, []).startswith(
        "# Meta Fusion: checks\n\n```sh\npython -m bench.meta_fusion checks --seeds 3"
    )
