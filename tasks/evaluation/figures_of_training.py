"""Figures about training: loss and its parts, agreement with the teacher, class shares, over the steps."""

import math
from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.evaluation.drawing import ACCENT, colour, draw, legend_columns, shorten

POINTS = 150  # as many as a line in print can show; the rest is noise and bytes

_LOSSES = {"loss_ce": "cross-entropy", "loss_div": "diversity"}  # a trainer's other parts keep their names
_AGREEMENTS = {"agreement": "its labels", "teacher_agreement": "the moving teacher"}


def draw_losses(curves: pl.DataFrame) -> str | None:
    """The loss and its parts; None where the curves hold no loss."""
    parts = [name for name in curves.columns if name.startswith("loss_")]
    lines = {_LOSSES.get(name, name.removeprefix("loss_")): name for name in parts}
    lines = {"loss": "loss"} | lines if "loss" in curves.columns else lines
    colours = [ACCENT, *(colour(i) for i in range(1, len(lines)))]
    return _draw_lines(curves, lines, colours, "Loss", None) if lines else None


def draw_agreement(curves: pl.DataFrame) -> str | None:
    """How often the student names the class of its labels, and of the moving teacher; None where nobody looked."""
    lines = {title: name for name, title in _AGREEMENTS.items() if name in curves.columns}
    return (
        _draw_lines(curves, lines, [ACCENT, colour(1)], "The student names the same class as", (0, 1))
        if lines
        else None
    )


def draw_ua(course: pl.DataFrame) -> str:
    """UA while the student learnt, in steps and as fractions."""
    return _draw_lines(course, {"UA": "ua"}, [ACCENT], "UA, for reading only", (0, 1))


def draw_shares(curves: pl.DataFrame, classes: Sequence[str]) -> str | None:
    """What the student names in a batch, by class: a collapse to one class shows here first."""
    lines = {shorten(name): f"share_{name}" for name in classes if f"share_{name}" in curves.columns}
    colours = [colour(i) for i in range(len(lines))]
    return _draw_lines(curves, lines, colours, "Classes that the student names", (0, None)) if lines else None


def thin(curves: pl.DataFrame, points: int = POINTS) -> pl.DataFrame:
    """At most that many rows, each the mean of equally many steps.

    >>> thin(pl.DataFrame({"step": [1, 2, 3, 4], "loss": [4.0, 2.0, 1.0, 1.0]}), points=2)["loss"].to_list()
    [3.0, 1.0]
    """
    if curves.height <= points:
        return curves
    part = pl.int_range(pl.len()) * points // pl.len()
    return curves.group_by(part.alias("part"), maintain_order=True).mean().drop("part")


def _draw_lines(
    curves: pl.DataFrame,
    lines: dict[str, str],
    colours: list[str],
    title: str,
    limits: tuple[float, float | None] | None,
) -> str:
    curves, columns = thin(curves.sort("step")), legend_columns(list(lines), 3.3)

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        for (label, name), line_colour in zip(lines.items(), colours, strict=False):
            _paint_line(ax, curves.select("step", name).drop_nulls(), label, line_colour)
        ax.set_title(title)
        ax.set_xlabel("step")
        ax.grid(visible=True, axis="y")
        if limits:
            ax.set_ylim(*limits)
        if len(lines) > 1:
            figure.legend(loc="outside lower left", ncols=columns, handlelength=1, columnspacing=1.2)

    return draw(3.3, 2.4 + 0.2 * math.ceil(len(lines) / columns), f"{title}, over the training steps.", paint)


def _paint_line(ax: Axes, line: pl.DataFrame, label: str, line_colour: str) -> None:
    marker = "o" if line.height == 1 else ""  # a line of one point would not be seen
    ax.plot(line[:, 0].to_numpy(), line[:, 1].to_numpy(), color=line_colour, label=label, marker=marker)
