"""Where label embeddings go while training goes on, and how pooled vectors lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.label_signals.checking import Check, Checked
from bench.label_signals.variants import WHOLE
from bench.questions.drawing import save
from bench.transfers.corpora import CLASSES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWN = (WHOLE, "without APC (β = 0)", "without moving average", "α = 0.9", "α = 0.95", "α = 0.999", "semantic start")
_PANELS = {"norms": "mean length", "stays": "cosine to the start", "between": "cosine of two classes"}


def draw_trajectories(done: Mapping[Check, Checked], file: Path) -> bool:
    """Three panels, a line per variant: the first corpus and seed. False where no embeddings were trained."""
    first = next(iter(done))
    lines = {
        check.variant.name: checked
        for check, checked in done.items()
        if (check.corpus, check.seed) == (first.corpus, first.seed) and check.variant.name in _DRAWN and checked.norms
    }
    if not lines:
        return False
    figure = _figure(9.5, 3.2)
    for panel, (name, title) in zip(figure.subplots(1, 3), _PANELS.items(), strict=True):
        for variant, checked in lines.items():
            panel.plot(getattr(checked, name), linewidth=1, label="α = 0.99" if variant == WHOLE else variant)
        panel.set(xlabel="epoch", title=title)
    figure.axes[0].legend(fontsize="x-small")
    save(figure, file)
    return True


def draw_projection(done: Mapping[Check, Checked], names: Sequence[str], file: Path) -> None:
    """A panel per variant: the first corpus and seed, speakers held out, coloured by gold."""
    first = next(iter(done))
    shown = [
        (check.variant.name, checked)
        for name in names
        for check, checked in done.items()
        if (check.corpus, check.seed) == (first.corpus, first.seed) and check.variant.name == name
    ]
    figure = _figure(4 * len(shown), 3.6)
    for panel, (name, checked) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        places_N2, gold_N = np.array(checked.projection), np.array([int(digit) for digit in checked.gold])
        for c, emotion in enumerate(CLASSES):
            panel.plot(*places_N2[gold_N == c].T, "o", markersize=3, label=emotion)
        panel.set(title=f"{first.corpus.name}, {name}: silhouette {checked.separation:.2f}", xticks=[], yticks=[])
        panel.title.set_fontsize("small")
    figure.axes[0].legend(fontsize="x-small")
    save(figure, file)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
