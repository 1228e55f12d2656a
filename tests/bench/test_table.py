"""Tables from results made by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.transfers.board import Board
from bench.transfers.figure import draw_curves
from bench.transfers.kept import Result
from bench.transfers.table import markdown, order

MakeResult = Callable[..., Result]
GOLD = "0123" * 6
HALF = "".join(c if n % 2 else "0" for n, c in enumerate(GOLD))  # right on 0, 1, 3
OTHER = "".join(c if c in "02" else "0" for c in GOLD)  # right on 0, 2


@pytest.fixture
def results(make_result: MakeResult) -> list[Result]:
    said = {"source": HALF, "LALM": OTHER, "paper": HALF, "equal": GOLD}
    return [make_result(GOLD, named, method=method) for method, named in said.items()]


def _row(text: str, method: str) -> list[str]:
    """The first table's."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {method} "))
    return [cell.strip() for cell in row.split("|")[2:-1]]


def test_the_oracle_is_right_where_either_teacher_is(results: list[Result]) -> None:
    assert Board(results).mean("oracle of both teachers").value == 100


def test_the_gap_is_the_share_of_the_way_from_the_better_teacher_to_the_oracle(results: list[Result]) -> None:
    board = Board(results)
    assert (board.gap_recovered("equal"), board.gap_recovered("paper")) == (1, 0)


def test_the_better_teacher_is_told_per_pair(results: list[Result]) -> None:
    board = Board(results)
    assert board.better_teacher("a → b") == "source"
    assert board.against_better_teacher("LALM", "a → b").value == -25


def test_a_row_holds_figure_interval_difference_and_p(results: list[Result]) -> None:
    cells = _row(markdown(results, "paper"), "equal")
    assert cells[:3] == ["100.0", "100.0 [100.0, 100.0]", "+25.0 [+25.0, +25.0]"]
    assert cells[3:] == ["< .01", "+100%", "100.0"]


def test_a_tie_is_told_as_a_tie(make_result: MakeResult) -> None:
    alike = [make_result(GOLD, HALF, method=method) for method in ("paper", "equal")]
    better = make_result(GOLD, GOLD, method="kl_gated")
    assert order(Board([*alike, better])).endswith("kl_gated > paper = equal.")


def test_a_method_that_is_not_there_on_every_transfer_has_no_mean(
    results: list[Result], make_result: MakeResult
) -> None:
    more = make_result(GOLD, GOLD, transfer="c → b", method="paper")
    assert _row(markdown([*results, more], "paper"), "equal") == ["100.0", "–", "–", "–", "–", "–", "–"]


def test_each_scene_has_its_tables(results: list[Result], make_result: MakeResult) -> None:
    other = make_result(GOLD, GOLD, scene="another", method="paper")
    titles = [line for line in markdown([*results, other], "paper").splitlines() if line.startswith("## ")]
    assert titles == ["## s", "## another"]


def test_curves_are_means_over_transfers(make_result: MakeResult) -> None:
    runs = [
        make_result(GOLD, GOLD, transfer=t, curve=[[0, ua], [75, 1.0]]) for t, ua in (("a → b", 0.2), ("c → b", 0.4))
    ]
    assert Board(runs).curve("paper") == [(0, pytest.approx(0.3)), (75, 1.0)]


def test_the_figure_is_written_in_the_format_of_its_name(make_result: MakeResult, tmp_path: Path) -> None:
    draw_curves([make_result(GOLD, GOLD, curve=[[0, 0.5], [75, 1.0]])], tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text().startswith("<?xml")
