"""Label embeddings that start where a text encoder puts the classes' names, not anywhere."""

from __future__ import annotations

from functools import lru_cache

import torch

from tasks.encoders.text import TextSettings
from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.storage.files import sha256_of_json


def start_at_words(head: Head, seed: int) -> None:
    """Of a new head whose settings name a text encoder; any other is left as it is.

    Afterwards the head's config names none: what it said is in the weights, and whoever loads them needs no text
    encoder.

    Raises:
        CheckpointError: No such model.
        ValueError: It gives all the names one vector.
    """
    settings = head.config.pooling
    if not isinstance(settings, LabelSignalPooling) or settings.words is None:
        return
    assert isinstance(head.pooling, LabelSignals)
    vectors_CV = _vectors(settings.words, sha256_of_json(settings.words.identity()), tuple(head.config.classes))
    with torch.no_grad():
        head.pooling.labels_CD.copy_(lifted(vectors_CV, settings.size, seed))
    head.config = head.config.model_copy(update={"pooling": settings.model_copy(update={"words": None})})


@lru_cache(maxsize=1)
def _vectors(words: TextSettings, content: str, names: tuple[str, ...]) -> torch.Tensor:
    """The last layer's mean over each name's tokens, shape (C, V); read once for all runs, unless `content` changes."""
    layers_CLV, _ = words.build("cpu").read(names)
    return torch.from_numpy(layers_CLV[:, -1])


def lifted(vectors_CV: torch.Tensor, size: int, seed: int) -> torch.Tensor:
    r"""Vectors in another space, in as many directions of it as there are, drawn by chance, shape (C, size)::

        L_c = sqrt(d) u_c / |u_c|        u = (v - mean_c v) Q,  Q of orthonormal rows or columns

    Where d is at least V, angles stay as they are. From their mean, since all words of a text encoder point much the
    same way. Of length sqrt(d), as embeddings by chance are.

    Args:
        vectors_CV: One a class.
        size: d.
        seed: Of the directions.

    Raises:
        ValueError: A class lies at the mean of all: as when all are alike.
    """
    generator = torch.Generator().manual_seed(seed)
    dim = vectors_CV.shape[1]
    wide = torch.linalg.qr(torch.randn(max(dim, size), min(dim, size), generator=generator, dtype=torch.float64)).Q
    turned_CD = (vectors_CV - vectors_CV.mean(dim=0)).double() @ (wide if dim >= size else wide.T)
    lengths_C1 = turned_CD.norm(dim=1, keepdim=True)
    if not lengths_C1.min() > 1e-6 * vectors_CV.norm(dim=1).max():
        raise ValueError("a class's vector is the mean of all classes' vectors, so it has no direction of its own")
    return (size**0.5 * turned_CD / lengths_C1).float()
