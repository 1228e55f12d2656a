"""The tables per LALM."""

from collections.abc import Callable

import pytest

from bench.questions.cases import Case
from bench.questions.lalm import naming_table, table_of
from bench.questions.naming import Naming
from bench.transfers.kept import Result

GOLD = "00112233"


@pytest.fixture
def cases(make_result: Callable[..., Result]) -> list[Case]:
    """Of two transfers `best` is right everywhere on one and loses all against the better teacher on the other."""

    def case(transfer: str, best: str) -> Case:
        said = {"source": "00110000", "LALM": "00112200", "paper": "00112200", "best": best}
        return Case([make_result(GOLD, named, method=m, transfer=transfer) for m, named in said.items()])

    return [case("a → b", GOLD), case("b → a", "00000000")]


def test_worst_and_kept_are_over_the_transfers(cases: list[Case]) -> None:
    assert table_of(cases, {"s": "third"}).rows[0][-2:] == ["-50.0", "1 of 2"]


def test_teachers_and_gains_are_means_over_the_transfers(cases: list[Case]) -> None:
    row = table_of(cases, {"s": "third"}).rows[0]
    assert row[:3] == ["third", "50.0", "75.0"]
    assert row[3] == "+0.0 [+0.0, +0.0]"
    assert row[4].startswith("-12.5 [")


def test_namings_are_counted_per_lalm_over_all_and_where_the_teachers_are_apart() -> None:
    close = Naming("third", "a → b", (51, 50), (1, 0.5), (0.7, 0.4), (-0.1, -0.3))
    clear = Naming("oracle", "a → b", (80, 50), (0.5, 1), (0.7, 0.4), (-0.1, -0.3))
    rows = naming_table([close, clear]).rows
    assert [row[:3] for row in rows] == [
        ["third", "1 of 1 (p = 1.00)", "1 of 1 (p = 1.00)"],
        ["oracle", "0 of 1 (p = 1.00)", "1 of 1 (p = 1.00)"],
        ["all", "1 of 2 (p = 1.00)", "2 of 2 (p = .50)"],
        ["all where they are 5 points apart", "0 of 1 (p = 1.00)", "1 of 1 (p = 1.00)"],
    ]


def test_a_guess_is_compared_with_habit_cell_by_cell() -> None:
    """Trust is right where the LALM is better once, and wrong where the classifier is better twice."""
    lalm_better = Naming("third", "a → b", (60, 50), (1, 0.5), (0.7, 0.4), (-0.3, -0.1))
    classifier_better = Naming("third", "a → b", (50, 60), (1, 0.5), (0.4, 0.7), (-0.3, -0.1))
    notes = naming_table([lalm_better, classifier_better, classifier_better]).notes
    assert (
        'Trust of the label model is right in 1 cells where "always the classifier" is not, and wrong in 2 where it is '
        "(p = 1.00)." in notes
    )
