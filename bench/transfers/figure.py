"""UA over the steps of training, one panel per scene: like the paper's Figure 2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.transfers.board import Board
from bench.transfers.kept import Result

_DRAWN = ("LALM-only", "classifier-only", "classifier-only no EMA", "equal", "generative static", "paper", "best")


def draw_curves(results: Sequence[Result], file: Path) -> None:
    """Writes the figure in the format that the file's ending names; scenes without such a student are left out."""
    from matplotlib.figure import Figure

    scenes = dict.fromkeys(result.scene for result in results if result.method in _DRAWN)
    boards = [Board([r for r in results if r.scene == scene]) for scene in scenes]
    figure = Figure(figsize=(6, 3.6 * max(1, len(boards))), layout="constrained")
    for panel, board in zip(figure.subplots(max(1, len(boards)), squeeze=False)[:, 0], boards, strict=False):
        for method in _DRAWN:
            if curve := board.curve(method):
                panel.plot([step for step, _ in curve], [100 * ua for _, ua in curve], label=method)
        panel.set(title=board.scene, xlabel="training steps", ylabel="UA on the target, %")
        panel.title.set_fontsize("small")
        panel.legend(fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
