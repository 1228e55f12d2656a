"""What the student names the clips, without dropout, at some points of training; and which point is kept."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch

from tasks.maths.threads import one_thread
from tasks.maths.uncertainty import entropy
from tasks.networks.head import Head
from tasks.students.base import Named, TrainingData

Keep = Literal["last", "most_diverse"]

_POINTS = 20
_LEAST_CLIPS = 100
_SHARE = 0.2  # of the clips that training itself hears: an encoder may have to hear each clip anew


class Milestones:
    """Looks at the student before its first step and at 20 points more, over evenly spaced clips.

    Args:
        data: The target's clips.
        steps: Of the whole training.
        batch_size: Clips per step, and how many are heard at once here.
        keep: Which point's weights training ends with: those after the last step, or those of the look at which the
            mean prediction over the clips had the largest entropy. No label is asked, and gold is not known here.
    """

    def __init__(self, data: TrainingData, steps: int, batch_size: int, keep: Keep = "last") -> None:
        self._data, self._batch, self._keep = data, batch_size, keep
        self._due = {round(point * steps / _POINTS) for point in range(_POINTS + 1)}
        most = max(_LEAST_CLIPS, int(_SHARE * steps * batch_size / _POINTS))
        count = min(len(data), most)
        self._rows_M = torch.arange(count) * len(data) // count
        self._seen: list[tuple[int, torch.Tensor]] = []
        self._best: dict[str, Any] | None = None

    @torch.no_grad()
    def pass_by(self, step: int, head: Head) -> None:
        """Looks, if this is one of the points."""
        if step not in self._due:
            return
        heard = (self._data.features.rows(some_B.tolist()).to("cpu") for some_B in self._rows_M.split(self._batch))
        with one_thread():
            probs_MC = torch.cat([head(some).softmax(dim=-1) for some in heard])  # without masks: without dropout
        self._seen.append((step, probs_MC.argmax(dim=-1).to(torch.uint8)))
        if self._keep == "most_diverse" and step > 0:
            self._consider(float(entropy(probs_MC.double().mean(dim=0))), head)

    def _consider(self, diversity: float, head: Head) -> None:
        if self._best is None or diversity > self._best["diversity"]:
            self._best = {"diversity": diversity, "head": copy.deepcopy(head.state_dict())}

    def end_with(self, head: Head) -> Head:
        """The head with the weights that are kept."""
        if self._best is not None:
            head.load_state_dict(self._best["head"])
        return head

    def named(self) -> Named | None:
        """What was seen so far; None where nothing was."""
        if not self._seen:
            return None
        classes_PM = torch.stack([classes_M for _, classes_M in self._seen])
        return Named([step for step, _ in self._seen], self._rows_M, classes_PM)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"seen": [[step, classes_M] for step, classes_M in self._seen], "best": self._best}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self._seen, self._best = [(step, classes_M) for step, classes_M in state["seen"]], state["best"]
