"""Gradient checkpointing: a layer's inner values are dropped after the forward pass and computed again in the backward.

transformers' own works in training mode only, in which LayerDrop and SpecAugment are on, and would compute a layer
again outside the block that makes its dropout live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

Again = Callable[[], AbstractContextManager[Any]]


@contextmanager
def recomputed(layers: Iterable[nn.Module], again: Again) -> Iterator[None]:
    """Inside the block each layer keeps only its input; Chen et al. 2016 (arXiv:1604.06174).

    Args:
        layers: Called one after the other, each once.
        again: Called when a layer starts: the block in which that layer is computed the second time.
    """
    wrapped = list(layers)
    for layer in wrapped:
        # Not the module's call: what listens to the layers hears each of them once.
        layer.forward = partial(_run, layer.forward, again)
    try:
        yield
    finally:
        for layer in wrapped:
            del layer.forward  # the class's own again


def _run(forward: Callable[..., Any], again: Again, *args: Any, **kwargs: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)

    def blocks() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), again()

    # No masks come from torch's generator, so there is no state of it to keep.
    return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, context_fn=blocks, **kwargs)
