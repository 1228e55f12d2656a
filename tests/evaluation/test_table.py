"""The terminal's tables."""

from collections.abc import Callable

from tasks.evaluation.report import ReportData
from tasks.evaluation.table import format_summary, format_table

ROW = {"ua": 0.5, "wa": 0.5, "macro_f1": 0.5, "ece": 0.1, "coverage": 1.0, "n": 10}


def test_every_line_of_the_table_is_aligned() -> None:
    header, *rows, _ = format_table({"source": ROW, "lalm": ROW | {"n": 12345}, "student": ROW}).splitlines()
    assert {len(line) for line in (header, *rows)} == {len(header)}


def test_the_rows_bear_the_names_that_a_reader_knows() -> None:
    lines = format_table(dict.fromkeys(["student", "fused", "lalm", "source"], ROW)).splitlines()
    titles = ["source classifier", "LALM", "fused, no training", "student"]
    assert [line.split("  ")[0] for line in lines[1:-1]] == titles


def test_only_the_best_ua_is_marked() -> None:
    lines = format_table({"lalm": ROW, "student": ROW | {"ua": 0.6}}).splitlines()
    assert [line.split()[1] for line in lines[1:-1]] == ["50.0", "60.0*"]


def test_the_oracle_does_not_compete() -> None:
    assert "oracle" not in format_table({"lalm": ROW, "oracle": ROW | {"ua": 0.9}, "student": ROW})


def test_without_gold_the_table_says_that_there_is_no_accuracy(make_data: Callable[..., ReportData]) -> None:
    table = format_summary(make_data(n=20, has_gold=False).summary)
    assert table.endswith(
        "percent of 20 clips; =1: names the same class as 1. Without gold labels there is no accuracy."
    )


def test_without_gold_every_system_has_a_numbered_row(make_data: Callable[..., ReportData]) -> None:
    lines = format_summary(make_data(n=20).summary).splitlines()
    assert [line[:3] for line in lines[1:-1]] == ["1 s", "2 L", "3 f", "4 s"]
