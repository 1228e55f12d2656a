"""What the teachers of kept draws say of each clip, for trainers that take it as it stands, without a rule."""

from __future__ import annotations

import torch

from tasks.contracts.errors import TrainingError
from tasks.maths.uncertainty import mean_draw
from tasks.students.base import TrainingData


def kept_means(data: TrainingData, kind: str) -> torch.Tensor:
    """The mean draw of each teacher but the classifier, shape (T, N, C); NaN where it gave no valid answer.

    Raises:
        TrainingError: No clip has an answer.
    """
    means = [mean_draw(draws.probs_NKC, draws.valid_NK) for draws in data.draws if draws is not None]
    if not means or torch.stack(means).isnan().all():
        raise TrainingError(
            f"no clip has an answer of a teacher beside the classifier, and student.kind {kind} learns from them. Ask "
            "again (`mifuse run --retry refused,unparsable`), or choose another kind."
        )
    return torch.stack(means)
