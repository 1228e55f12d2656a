"""Which device torch works on, and how precisely."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

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
        known = torch.device(device)
    except RuntimeError as error:
        raise CheckpointError(f'device "{device}": torch knows no such device. Use `auto`, `cpu` or `cuda`.') from error
    try:
        torch.zeros(1, device=known).item()
    except (RuntimeError, AssertionError, ImportError) as error:  # as torch says it for a GPU, MPS, XPU, HPU
        raise CheckpointError(
            f'device "{device}": torch cannot compute on it here ({str(error).splitlines()[0]}). Use `device: auto` or '
            "`device: cpu`."
        ) from error
    return known


def sent(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The values on the device. To a GPU through pinned memory, so that it goes on working meanwhile."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """torch's autocast to `bfloat16` or `float16`; for `float32` nothing, so that a caller's own stays in force.

    Raises:
        CheckpointError: A precision that torch does not have on the device.
    """
    if precision == "float32":
        return nullcontext()
    try:
        context = torch.autocast(device.type, getattr(torch, precision))
        with context:  # where it cannot, torch may only warn and go on in float32
            works = torch.is_autocast_enabled(device.type)
    except RuntimeError as error:
        raise CheckpointError(_no_precision(precision, device, f": {error}")) from error
    if not works:
        raise CheckpointError(_no_precision(precision, device, "."))
    return context


def _no_precision(precision: str, device: torch.device, why: str) -> str:
    return f"precision: {precision}: torch cannot compute in it on {device}{why} Use `precision: float32`."
