"""Figures about the systems: confusion matrix, reliability diagram, class shares."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tasks.evaluation.drawing import (
    ACCENT,
    INK,
    MUTED,
    colour,
    draw,
    legend_columns,
    on_colour,
    say_nothing_to_show,
    shorten,
)

NO_ANSWER = "no answer"
_TICKS = (0, 0.25, 0.5, 0.75, 1)


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> str:
    """One system's confusion matrix: shade and large figure show the share of the gold class, the small one clips."""
    columns = [*classes, NO_ANSWER]
    width_in, height_in = 1.2 + 0.67 * len(columns), 1.15 + 0.42 * len(classes)

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        for r, row in enumerate(confusion):
            for c in range(len(columns)):
                _paint_cell(ax, r, c, row[c], sum(row))
        ax.set_title(title)
        ax.set_xlim(-0.5, len(columns) - 0.5)
        ax.set_ylim(len(classes) - 0.5, -0.5)
        ax.set_xticks(
            range(len(columns)), [shorten(c) for c in columns], rotation=40, ha="right", rotation_mode="anchor"
        )
        ax.set_yticks(range(len(classes)), [shorten(c) for c in classes])
        ax.set_xlabel("named")
        ax.set_ylabel("gold")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    return draw(
        width_in, height_in, f"Confusion matrix of {title}: gold classes in rows, named classes in columns.", paint
    )


def draw_reliability(bins: Sequence[Mapping[str, Any]], title: str, ece: float | None) -> str:
    """One system's reliability diagram: accuracy over confidence above, share of the clips below."""

    def paint(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        above.set_title(title)
        if not bins:
            say_nothing_to_show(above, "no answers")
            below.set_axis_off()
            return
        _paint_reliability(above, below, bins)
        above.text(0.97, 0.05, "" if ece is None else f"ECE {100 * ece:.1f}%", ha="right")

    return draw(
        2.5, 2.9, f"Reliability diagram of {title}: accuracy over confidence; on the diagonal both are equal.", paint
    )


def draw_class_shares(shares: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> str:
    """How often each system names each class, one bar per system that adds up to 100%."""
    columns = legend_columns(classes, 7.2)

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        for y, by_class in enumerate(shares.values()):
            _paint_shares(ax, y, [by_class[c] for c in classes])
        ax.set_yticks(range(len(shares)), list(shares))
        ax.set_ylim(len(shares) - 0.5, -0.5)
        ax.set_xlim(0, 1)
        ax.set_xticks([])
        ax.tick_params(length=0, labelcolor=INK)
        ax.spines[:].set_visible(False)
        keys = [Rectangle((0, 0), 1, 1, color=colour(c)) for c in range(len(classes))]
        labels = [shorten(name) for name in classes]
        figure.legend(keys, labels, loc="outside upper left", ncols=columns, handlelength=1, handleheight=1)

    return draw(
        7.2,
        0.4 + 0.34 * len(shares) + 0.2 * math.ceil(len(classes) / columns),
        "Share of each class among the labels of each system.",
        paint,
    )


def _paint_cell(ax: Axes, r: int, c: int, count: int, total: int) -> None:
    share = count / total if total else 0.0
    ink = "white" if share > 0.78 else INK if share > 0.15 or r == c else MUTED
    corner, alpha = (c - 0.48, r - 0.48), 0.05 + 0.95 * share
    ax.add_patch(Rectangle(corner, 0.96, 0.96, clip_on=False, facecolor=ACCENT, alpha=alpha, linewidth=0))
    if count:
        ax.text(c, r - 0.1, f"{100 * share:.0f}", ha="center", va="center", color=ink, fontsize=9)
        ax.text(c, r + 0.25, f"{count:,}", ha="center", va="center", color=ink, fontsize=6.5)


def _paint_reliability(above: Axes, below: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    total = sum(b["count"] for b in bins)
    above.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
    confidence, accuracy = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
    above.vlines(
        confidence, confidence, accuracy, color=ACCENT, alpha=0.35, linewidth=2.5
    )  # the gaps that ECE averages
    above.plot(confidence, accuracy, color=ACCENT, marker="o", markersize=4, clip_on=False)
    above.set(xlim=(0, 1), ylim=(0, 1.03), xticks=_TICKS, yticks=_TICKS, ylabel="accuracy")
    above.grid(visible=True)
    left, widths = [b["lower"] for b in bins], [b["upper"] - b["lower"] for b in bins]
    below.bar(left, [b["count"] / total for b in bins], widths, align="edge", color=ACCENT, alpha=0.6)
    below.set(xlabel="confidence", ylabel="clips", yticks=[])


def _paint_shares(ax: Axes, y: int, shares: Sequence[float]) -> None:
    left = 0.0
    for c, share in enumerate(shares):
        ax.barh(y, share, left=left, height=0.72, color=colour(c))
        if share >= 0.05:
            ax.text(
                left + share / 2, y, f"{100 * share:.0f}%", ha="center", va="center", color=on_colour(c), fontsize=8
            )
        left += share
