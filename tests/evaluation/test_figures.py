"""Figures are small, repeatable, and safe to put into a page."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import polars as pl
import pytest

from tasks.evaluation.figures import draw_class_shares, draw_confusion, draw_reliability
from tasks.evaluation.figures_of_teachers import bin_points, draw_mi, draw_mi_against_weight
from tasks.evaluation.figures_of_training import draw_agreement, draw_losses, draw_shares, draw_ua, thin

CONFUSION = [[8, 1, 1], [3, 7, 0]]
BINS = [{"lower": 0.6, "upper": 0.8, "count": 5, "confidence": 0.7, "accuracy": 0.6}]


def draws_of(mi: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"lalm_mi": mi, "lalm_weight": [0.0 if x is None else 0.4 for x in mi]},
        schema_overrides={"lalm_mi": pl.Float64},
    )


def test_a_rule_without_weights_says_so_in_the_place_of_the_figure() -> None:
    without = draws_of([0.1, 0.2]).with_columns(lalm_weight=pl.lit(None, dtype=pl.Float64))
    assert "the rule has no weights" in draw_mi_against_weight(without, "lalm", "LALM")


def test_a_figure_is_the_same_bytes_each_time() -> None:
    assert draw_confusion(CONFUSION, ["a", "b"], "LALM") == draw_confusion(CONFUSION, ["a", "b"], "LALM")


def test_a_figure_is_one_well_formed_svg_element() -> None:
    svg = draw_confusion(CONFUSION, ["a", "b"], "LALM").replace("xlink:", "")
    assert ElementTree.fromstring(svg).tag == "svg"


def test_a_figure_describes_itself_to_those_who_cannot_see_it() -> None:
    assert 'role="img" aria-label="Confusion matrix of LALM: gold classes' in draw_confusion(
        CONFUSION, ["a", "b"], "LALM"
    )


def test_a_figure_takes_its_ink_from_the_page() -> None:
    assert "var(--ink)" in draw_confusion(CONFUSION, ["a", "b"], "LALM")


def test_a_figure_has_no_address_and_no_date() -> None:
    svg = draw_reliability(BINS, "LALM", 0.1)
    assert not any(word in svg for word in ("http", "metadata", "dc:date"))


def test_a_class_name_cannot_leave_the_figure() -> None:
    svg = draw_confusion(CONFUSION, ["<script>", "$x$"], '"><script>')
    assert "<script" not in svg
    assert ">$x$<" in svg  # and is no formula


def test_a_system_without_answers_still_has_a_reliability_diagram() -> None:
    assert "no answers" in draw_reliability([], "LALM", None)


def test_more_classes_than_colours_can_be_drawn() -> None:
    classes = [f"class {i}" for i in range(12)]
    assert "class 11" in draw_class_shares({"LALM": dict.fromkeys(classes, 1 / 12)}, classes)


@pytest.mark.parametrize("draw", [draw_mi, draw_mi_against_weight])
def test_a_teacher_without_a_known_mi_says_so(draw: object) -> None:
    assert "MI is unknown for all clips" in draw(draws_of([None, None]), "lalm", "LALM")  # type: ignore[operator]


@pytest.mark.parametrize("draw", [draw_mi, draw_mi_against_weight])
def test_a_teacher_that_never_contradicts_itself_can_be_drawn(draw: object) -> None:
    assert "MI between its draws" in draw(draws_of([0.0, 0.0]), "lalm", "LALM")  # type: ignore[operator]


def test_a_figure_of_many_clips_stays_small() -> None:
    rng = np.random.default_rng(0)
    many = pl.DataFrame({"lalm_mi": rng.uniform(0, 1.4, 100_000), "lalm_weight": rng.uniform(0, 1, 100_000)})
    assert len(draw_mi_against_weight(many, "lalm", "LALM")) < 600_000


def test_binning_loses_no_point() -> None:
    rng = np.random.default_rng(0)
    assert bin_points(rng.uniform(size=5000), rng.uniform(size=5000))[2].sum() == 5000


def test_curves_that_were_not_recorded_are_not_drawn() -> None:
    curves = pl.DataFrame({"step": [1, 2]})
    assert [draw_losses(curves), draw_agreement(curves), draw_shares(curves, ["a"])] == [None, None, None]


def test_a_curve_that_was_recorded_now_and_then_is_one_line() -> None:
    curves = pl.DataFrame({"step": [1, 2, 3], "agreement": [0.5, None, 0.6]})
    assert draw_agreement(curves) == draw_agreement(curves.drop_nulls())


def test_agreement_with_the_moving_teacher_is_a_line_of_its_own() -> None:
    curves = pl.DataFrame({"step": [1, 2], "agreement": [0.5, 0.6], "teacher_agreement": [0.7, 0.8]})
    assert "the moving teacher" in (draw_agreement(curves) or "")
    assert "the moving teacher" not in (draw_agreement(curves.drop("teacher_agreement")) or "")


def test_each_part_of_a_loss_is_drawn_by_its_name() -> None:
    curves = pl.DataFrame({"step": [1, 2], "loss": [2.0, 1.0], "loss_ce": [1.5, 0.5], "loss_neighbours": [0.5, 0.5]})
    svg = draw_losses(curves) or ""
    assert all(name in svg for name in ("cross-entropy", "neighbours"))


def test_ua_over_the_steps_says_that_it_is_for_reading_only() -> None:
    assert "UA, for reading only" in draw_ua(pl.DataFrame({"step": [0, 75], "ua": [0.4, 0.5]}))


def test_thinned_curves_keep_their_mean() -> None:
    curves = pl.DataFrame({"step": range(1000), "loss": np.random.default_rng(0).normal(size=1000)})
    assert thin(curves, points=100)["loss"].mean() == pytest.approx(curves["loss"].mean())
