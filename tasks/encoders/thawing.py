"""Which parameters of an encoder are trained; what makes them so is `students/source`."""

from __future__ import annotations

from itertools import chain

from torch import nn

from tasks.contracts.errors import CheckpointError
from tasks.encoders.trainable import Top, Trainable
from tasks.encoders.wave_model import WaveModel
from tasks.encoders.whisper_model import WhisperModel

_NEVER_HEARD = "masked_spec_embed"  # SpecAugment's filling, which is off


def thaw(family: WaveModel | WhisperModel, trainable: Trainable) -> list[nn.Parameter]:
    """Freezes everything but the chosen part.

    Raises:
        CheckpointError: More layers asked for than there are.
    """
    family.module.requires_grad_(False)
    chosen = _chosen(family, trainable)
    for parameter in chosen:
        parameter.requires_grad_(True)
    return chosen


def _chosen(family: WaveModel | WhisperModel, trainable: Trainable) -> list[nn.Parameter]:
    if trainable == "none":
        return []
    if isinstance(trainable, Top):
        if trainable.top > len(family.layers):
            raise CheckpointError(
                f"trainable: {{top: {trainable.top}}}: the encoder has {len(family.layers)} layers. "
                "Give fewer, or `trainable: all`."
            )
        parts = [*family.layers[-trainable.top :], *([family.last_norm] if family.last_norm is not None else [])]
        return list(chain.from_iterable(part.parameters() for part in parts))
    frozen = {parameter for part in family.front for parameter in part.parameters()}
    named = family.module.named_parameters()
    return [parameter for name, parameter in named if parameter not in frozen and name != _NEVER_HEARD]
