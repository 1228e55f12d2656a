"""A classifier that has never met some classes → the same with an open place for each, from which a student learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from tasks.contracts.errors import CheckpointError
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head


def opened_head(head: Head, classes: Sequence[str]) -> Head:
    """The same head with one output more for each of these classes; its config names them after its own.

    The new output is the mean of the others that mean some class, so it is neither for the class nor against it: on six
    transfers a student that started so named the new class's clips right about twice as often as one that started
    with "never" (`docs/questions/new_classes-logmel.md`). What else there is one of for each output, such as
    embeddings of labels, grows likewise.

    Args:
        head: In evaluation mode; left as it is.
        classes: Those that it lacks.

    Raises:
        CheckpointError: Its pooling has something of another shape for each number of classes.
    """
    config = opened_config(head.config, classes)
    opened = Head(config)
    used = _used_outputs(head.config)
    old, new = dict(head.state_dict()), opened.state_dict()
    opened.load_state_dict({name: _grown(name, old, like, used) for name, like in new.items()})
    return opened.train(head.training)


def opened_config(config: ClassifierConfig, classes: Sequence[str]) -> ClassifierConfig:
    """With these classes after its own, an output for each."""
    known, more = len(config.classes), range(len(classes))
    groups = None if config.groups is None else [*config.groups, *(known + n for n in more)]
    shares = None
    if config.shares is not None:
        rows = [[*row, *(0.0 for _ in more)] for row in config.shares]
        shares = rows + [[0.0] * known + [float(n == m) for m in more] for n in more]
    return config.model_copy(update={"classes": [*config.classes, *classes], "groups": groups, "shares": shares})


def _used_outputs(config: ClassifierConfig) -> list[int]:
    """Of those that mean nothing, none tells what an output is like that means a class."""
    outputs = config.outputs_of_class()
    return sorted({n for of_class in outputs for n, _ in of_class}) if outputs else list(range(len(config.classes)))


def _grown(name: str, old: Mapping[str, torch.Tensor], like: torch.Tensor, used: Sequence[int]) -> torch.Tensor:
    tensor = old[name]
    if tensor.shape == like.shape:
        return tensor
    if tensor.shape[1:] != like.shape[1:] or max(used) >= len(tensor):
        raise CheckpointError(
            f"the classifier's {name} has the shape {tuple(tensor.shape)}, with the classes that it lacks it would "
            f"need {tuple(like.shape)}: a head with this pooling cannot be given an open place. Train it with all "
            "classes, or with `pooling: mean`."
        )
    mean = tensor[list(used)].mean(dim=0, keepdim=True)
    return torch.cat([tensor, *[mean] * (len(like) - len(tensor))])
