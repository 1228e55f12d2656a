"""A figure about a zero-shot teacher: how well each pair of repeats did on source clips, and which one is taken."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tasks.evaluation.drawing import ACCENT, INK, draw


def draw_repeats(repeats: pl.DataFrame, title: str) -> str:
    """UA over repeats of the audio and of the text: darker is better, the chosen pair has a frame.

    Args:
        repeats: As `tasks.storage.repeats.repeats_schema` says.
        title: Of the teacher.
    """
    audio, text = (sorted(repeats[name].unique().to_list()) for name in ("r_a", "r_t"))
    low, high = float(repeats["ua"].min()), float(repeats["ua"].max())  # type: ignore[arg-type]

    def paint(figure: Figure) -> None:
        ax = figure.add_subplot()
        for row in repeats.iter_rows(named=True):
            shade = (row["ua"] - low) / (high - low) if high > low else 0.0
            _paint_cell(ax, text.index(row["r_t"]), audio.index(row["r_a"]), row["ua"], shade, chosen=row["chosen"])
        ax.set(title=f"{title}: UA on source validation", xlabel="repeats of the word", ylabel="repeats of the audio")
        ax.set_xlim(-0.5, len(text) - 0.5)
        ax.set_ylim(len(audio) - 0.5, -0.5)
        ax.set_xticks(np.arange(len(text)), [str(n) for n in text])
        ax.set_yticks(np.arange(len(audio)), [str(n) for n in audio])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    told = f"Heat map of {title}: UA on source validation clips for each number of audio and text repeats."
    return draw(1.3 + 0.62 * len(text), 1.1 + 0.42 * len(audio), told, paint)


def _paint_cell(ax: Axes, x: int, y: int, ua: float, shade: float, *, chosen: bool) -> None:
    edge = {"edgecolor": INK, "linewidth": 1.8} if chosen else {"linewidth": 0}
    corner, size = (x - 0.47, y - 0.47), 0.94
    ax.add_patch(Rectangle(corner, size, size, facecolor=ACCENT, alpha=0.05 + 0.85 * shade, linewidth=0))
    ax.add_patch(Rectangle(corner, size, size, fill=False, clip_on=False, **edge))
    ink, weight = "white" if shade > 0.75 else INK, "bold" if chosen else "normal"
    ax.text(x, y, f"{100 * ua:.1f}", ha="center", va="center", color=ink, fontsize=8, fontweight=weight)
