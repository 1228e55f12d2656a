"""How training goes, one point now and then: computed by the loop, written line by line while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from tasks.storage.files import replacing


@torch.no_grad()
def point_of(
    step: int,
    loss: torch.Tensor,
    parts: dict[str, torch.Tensor],
    logits_BC: torch.Tensor,
    classes: Sequence[str],
    target_BC: torch.Tensor | None,
    teacher_BC: torch.Tensor | None,
) -> dict[str, float]:
    """One point of the curves.

    Returns:
        `step`; `loss` and its parts; `agreement`, the share of the batch where student and label name the same class;
        `teacher_agreement`, the same of student and moving teacher; `share_<class>`, the student's mean prediction.
    """
    point = {"loss": loss} | {f"loss_{name}": part for name, part in parts.items()}
    named_B = logits_BC.argmax(dim=-1)
    for name, other_BC in (("agreement", target_BC), ("teacher_agreement", teacher_BC)):
        if other_BC is not None:
            point[name] = (named_B == other_BC.argmax(dim=-1)).float().mean()
    shares_C = logits_BC.softmax(dim=-1).mean(dim=0)
    point |= {f"share_{name}": share for name, share in zip(classes, shares_C, strict=True)}
    return {"step": float(step)} | {name: value.item() for name, value in point.items()}


class CurveFile:
    """Points as JSON lines: a run that is killed leaves all but the line that it was writing.

    Args:
        path: Begun anew with the points that a checkpoint brought; later ones are made again.
        points: These.
    """

    def __init__(self, path: Path, points: Iterable[dict[str, float]] = ()) -> None:
        self.path = path
        with replacing(path) as temporary:
            temporary.write_text("".join(map(_line, points)), encoding="utf-8")

    def add(self, point: dict[str, float]) -> None:
        """One line more, there for others to read at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(point))


def _line(point: dict[str, float]) -> str:
    return json.dumps(point) + "\n"
