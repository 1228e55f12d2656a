"""What the student names the clips at some points of fine-tuning, without dropout: nobody trains on it."""

from __future__ import annotations

import torch

from tasks.students.base import TrainingData
from tasks.students.finetune_network import TunedNetwork
from tasks.students.milestones import Milestones
from tasks.students.processes import Processes


class TunedMilestones(Milestones):
    """`Milestones` of a student that hears the clips by itself; each process asks it about its share.

    Args:
        data: The target's clips.
        steps: Of the whole training.
        batch_size: Clips per step of all processes.
        processes: Who trains together.
    """

    def __init__(self, data: TrainingData, steps: int, batch_size: int, processes: Processes) -> None:
        super().__init__(data, steps, batch_size)
        self._at_once, self._processes = max(1, batch_size // processes.count), processes

    def look(self, step: int, student: TunedNetwork) -> None:
        """Looks, if this is one of the points."""
        if step not in self._due:
            return
        named_M = torch.zeros(len(self._rows_M))
        own = list(range(self._processes.rank, len(named_M), self._processes.count))
        for at in range(0, len(own), self._at_once):
            places = own[at : at + self._at_once]
            named_M[places] = student.sure_logits(self._rows_M[places].tolist()).argmax(dim=-1).cpu().float()
        self._seen.append((step, self._processes.total(named_M).to(torch.uint8)))
