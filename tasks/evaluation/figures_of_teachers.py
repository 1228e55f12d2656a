"""Figures about one teacher: how much its draws disagree (MI), and what weight that leaves it."""

import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tasks.evaluation.drawing import ACCENT, draw, say_nothing_to_show

FloatArray = NDArray[np.float64]

BINS = 30  # counted in bins, so that a figure of 100,000 clips is no larger than one of 100


def draw_mi(pseudo_labels: pl.DataFrame, teacher: str, title: str) -> str:
    """Histogram of the teacher's MI over the clips."""
    mi_N = _known(pseudo_labels, f"{teacher}_mi")[:, 0]

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        if not len(mi_N):
            say_nothing_to_show(ax, "MI is unknown for all clips")
            return
        ax.hist(mi_N, bins=BINS, range=(0, mi_N.max()), color=ACCENT, alpha=0.75, histtype="stepfilled")
        ax.set(title=f"{title}: MI", xlabel="MI between its draws (nats)", ylabel="clips", xlim=(0, None))
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        ax.yaxis.set_major_formatter("{x:,.0f}")
        ax.grid(visible=True, axis="y")
        ax.set_axisbelow(True)

    return draw(4.6, 2.5, f"Histogram of the mutual information between the draws of {title}.", paint)


def draw_mi_against_weight(pseudo_labels: pl.DataFrame, teacher: str, title: str) -> str:
    """Where the clips lie between the teacher's MI and its weight, as dots, darker where there are more."""
    known = _known(pseudo_labels, f"{teacher}_mi", f"{teacher}_weight")
    unknown = "MI is unknown for all clips" if pseudo_labels[f"{teacher}_weight"].count() else "the rule has no weights"

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        if not len(known):
            say_nothing_to_show(ax, unknown)
            return
        mi_M, weight_M, count_M = bin_points(known[:, 0], known[:, 1])
        ax.scatter(mi_M, weight_M, c=np.log1p(count_M), cmap=_shades(), vmin=0, s=9, linewidths=0)
        ax.set(
            title=f"{title}: weight",
            xlabel="MI between its draws (nats)",
            ylabel="weight",
            xlim=(0, None),
            ylim=(0, 1.03),
        )
        ax.grid(visible=True)
        ax.set_axisbelow(True)

    return draw(4.6, 2.5, f"Weight of {title} against the mutual information between its draws.", paint)


def bin_points(x_N: FloatArray, y_N: FloatArray, bins: int = 60) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points that lie close together as one: mean x, mean y and count of each filled cell of a bins × bins grid.

    >>> [axis.tolist() for axis in bin_points(np.array([0.0, 0.001, 1.0]), np.array([0.5, 0.5, 0.25]))]
    [[0.0005, 1.0], [0.5, 0.25], [2.0, 1.0]]
    """
    cell_N = [np.minimum(axis / max(float(axis.max()), 1e-12) * bins, bins - 1).astype(int) for axis in (x_N, y_N)]
    _, point_N, count_M = np.unique(cell_N[0] * bins + cell_N[1], return_inverse=True, return_counts=True)
    x_M, y_M = (np.bincount(point_N, weights=axis) / count_M for axis in (x_N, y_N))
    return x_M, y_M, count_M.astype(np.float64)


def _known(pseudo_labels: pl.DataFrame, *columns: str) -> FloatArray:
    """The rows where all the columns hold a number, shape (N, columns)."""
    chosen = pseudo_labels.select(pl.col(name).cast(pl.Float64).fill_nan(None) for name in columns)
    return chosen.drop_nulls().to_numpy()


def _shades() -> LinearSegmentedColormap:
    r, g, b, _ = to_rgba(ACCENT)
    return LinearSegmentedColormap.from_list("shades", [(r, g, b, 0.2), (r, g, b, 1.0)])
