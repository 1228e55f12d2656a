"""The table of gain against the correlation of errors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.questions.cases import Case
from bench.questions.correlation import draw, table_of
from bench.transfers.kept import Result

GOLD = "00112233" * 4
ALIKE, APART = "00110000" * 4, "11002233" * 4


@pytest.fixture
def cases(make_result: Callable[..., Result]) -> list[Case]:
    """Teachers that err alike, and teachers that do not; students that are always right."""

    def case(scene: str, lalm: str) -> Case:
        said = {"source": "00110000" * 4, "LALM": lalm, "equal": GOLD, "paper": GOLD, "best": GOLD}
        return Case([make_result(GOLD, named, method=m, scene=scene) for m, named in said.items()])

    return [case("alike", ALIKE), case("apart", APART)]


def test_each_case_is_in_the_row_of_its_correlation(cases: list[Case]) -> None:
    assert [(row[1], row[2]) for row in table_of(cases).rows] == [("1", "-1.00"), ("0", "–"), ("1", "1.00")]


def test_a_range_without_cases_has_no_figures(cases: list[Case]) -> None:
    assert set(table_of(cases).rows[1][2:]) == {"–"}


def test_gain_is_over_the_better_teacher_and_has_its_interval(cases: list[Case]) -> None:
    assert table_of(cases).rows[0][5] == "+50.0 [+50.0, +50.0]"


def test_the_figure_is_drawn_with_an_empty_range(cases: list[Case], tmp_path: Path) -> None:
    draw(cases, tmp_path / "f.svg")
    assert "<svg" in (tmp_path / "f.svg").read_text(encoding="utf-8")


def test_the_same_figures_give_the_same_file(cases: list[Case], tmp_path: Path) -> None:
    for name in ("once", "again"):
        draw(cases, tmp_path / f"{name}.svg")
    assert (tmp_path / "once.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
