"""Which device torch works on."""

from __future__ import annotations

import torch

from tasks.contracts.errors import CheckpointError


def pick_device(device: str) -> torch.device:
    """`auto` takes a GPU when there is one; anything else is torch's own name, such as `cpu` or `cuda:1`.

    Raises:
        CheckpointError: A device that this machine does not have.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CheckpointError(f'device "{device}": torch sees no GPU here. Use `device: auto` or `device: cpu`.')
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise CheckpointError(f'device "{device}": torch knows no such device. Use `auto`, `cpu` or `cuda`.') from error
