"""Figures about one teacher: how much its draws disagree (MI), and what weight that leaves it."""

import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.evaluation.drawing import ACCENT, draw, say_nothing_to_show

BINS = 30  # counted in bins, so that a figure of 100,000 clips is no larger than one of 100


def draw_mi(pseudo_labels: pl.DataFrame, teacher: str, title: str) -> str:
    """Histogram of the teacher's MI over the clips."""
    mi_N = _known(pseudo_labels, f"{teacher}_mi")[:, 0]

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        if not len(mi_N):
            say_nothing_to_show(ax, "MI is unknown for all clips")
            return
        ax.hist(mi_N, bins=BINS, range=(0, _upper(mi_N)), color=ACCENT, alpha=0.75, histtype="stepfilled")
        ax.set(title=f"{title}: MI", xlabel="MI between its draws (nats)", ylabel="clips")
        ax.grid(visible=True, axis="y")
        ax.set_axisbelow(True)

    return draw(4.6, 2.5, f"Histogram of the mutual information between the draws of {title}.", paint)


def draw_mi_against_weight(pseudo_labels: pl.DataFrame, teacher: str, title: str) -> str:
    """Where the clips lie between the teacher's MI and its weight, as hexagons shaded by count."""
    known = _known(pseudo_labels, f"{teacher}_mi", f"{teacher}_weight")

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        if not len(known):
            say_nothing_to_show(ax, "MI is unknown for all clips")
            return
        mi_N, weight_N = known.T
        extent = (0, _upper(mi_N), 0, 1)
        ax.hexbin(mi_N, weight_N, gridsize=(48, 24), extent=extent, bins="log", mincnt=1, cmap=_shades(), linewidths=0.2)
        ax.set(title=f"{title}: weight", xlabel="MI between its draws (nats)", ylabel="weight", ylim=(0, 1.03))
        ax.grid(visible=True)
        ax.set_axisbelow(True)

    return draw(4.6, 2.5, f"Weight of {title} against the mutual information between its draws.", paint)


def _known(pseudo_labels: pl.DataFrame, *columns: str) -> NDArray[np.float64]:
    """The rows where all the columns hold a number, shape (N, columns)."""
    chosen = pseudo_labels.select(pl.col(name).cast(pl.Float64).fill_nan(None) for name in columns)
    return chosen.drop_nulls().to_numpy()


def _upper(mi_N: NDArray[np.float64]) -> float:
    return max(float(mi_N.max()), 0.01)  # all draws agree on all clips: an axis still needs a length


def _shades() -> LinearSegmentedColormap:
    r, g, b, _ = to_rgba(ACCENT)
    return LinearSegmentedColormap.from_list("shades", [(r, g, b, 0.2), (r, g, b, 1.0)])
