"""What stops training, told so that a user knows where to look and what to change."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.encoders.features import Features
from tasks.students.base import TrainingData

_CERTAIN = 0.999  # a label that leaves nothing to the other classes


def not_finite(found: str, step: int, learning_rate: float) -> TrainingError:
    """What to say when numbers have run away."""
    return TrainingError(
        f"{found} at step {step + 1}. Lower student.learning_rate (now {learning_rate:g}); finished stages are kept."
    )


def check_clips(data: TrainingData) -> None:
    """Raises TrainingError where there is nothing to learn from."""
    if len(data) < 2:
        raise TrainingError(f"{len(data)} clips have a pseudo-label; training needs at least 2.")


def check_labels(labels_NC: torch.Tensor, classes: Sequence[str]) -> None:
    """Raises TrainingError where every label says the same class and nothing else."""
    named_N = labels_NC.argmax(dim=-1)
    if (named_N == named_N[0]).all() and labels_NC.amax(dim=-1).min() > _CERTAIN:
        raise TrainingError(
            f"all {len(labels_NC)} pseudo-labels say {classes[int(named_N[0])]!r} and nothing else: a student would "
            "learn to say that of everything. Look at what each teacher says with `mifuse inspect`; then change its "
            "prompt, fuse.kind, or the clips."
        )


def check_heard(heard: Frames, rows_B: torch.Tensor, names: Sequence[str] | None, step: int) -> None:
    """Raises TrainingError, naming the clip, where features are not finite."""
    if math.isfinite(heard.values_BLTD.sum().item()):
        return
    finite_B = heard.values_BLTD.isfinite().flatten(1).all(dim=1)
    if finite_B.all():  # only their sum is not
        return
    row = int(rows_B[(~finite_B).nonzero()[0, 0]])
    clip = f"clip {row + 1}" if names is None else names[row]
    raise TrainingError(
        f"{clip}: its features are not finite (first met at step {step + 1}). Delete the folder features/ in the "
        "cache, so that they are computed anew; if it happens again, take the clip out of clips.folder or its manifest."
    )


class Checked:
    """The same clips, each looked at whenever it is heard. Keeps `Features`.

    Args:
        whole: The clips.
        names: As in `TrainingData`.
    """

    def __init__(self, whole: Features, names: Sequence[str] | None) -> None:
        self._whole, self._names = whole, names
        self.n_layers, self.dim = whole.n_layers, whole.dim

    def __len__(self) -> int:
        return len(self._whole)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`; raises TrainingError, naming the clip, where features are not finite."""
        heard = self._whole.rows(rows_B)
        check_heard(heard, torch.tensor(list(rows_B)), self._names, step=0)
        return heard
