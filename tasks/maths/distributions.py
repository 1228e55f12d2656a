"""Distributions whose logarithms are taken: a floor under each class, divergence, softmax; NumPy and torch alike."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace, device

from tasks.maths.uncertainty import Array, entropy

# Together all classes keep at least so much of a distribution: with four classes each at least about .01. A teacher
# that never named a class may be wrong about it in one clip of a hundred; without a floor its word would be a veto.
FLOOR = 0.04


def floored(probs: Array) -> Array:
    r"""Distributions without zeros, so that one teacher cannot rule out a class for good::

        floored(p)_c = max(p_c, FLOOR / C) / sum_c' max(p_c', FLOOR / C)

    Args:
        probs: Class probabilities, shape (..., C). NaN stays NaN.

    Returns:
        The same shape; each distribution sums to 1.

    >>> import numpy as np
    >>> floored(np.array([1.0, 0.0, 0.0, 0.0])).round(4).tolist()
    [0.9709, 0.0097, 0.0097, 0.0097]
    """
    xp = array_namespace(probs)
    raised = xp.clip(probs, min=FLOOR / probs.shape[-1])
    return raised / xp.sum(raised, axis=-1, keepdims=True)


def kl_divergence(p: Array, q: Array) -> Array:
    r"""How much q surprises somebody who expects p, both floored::

        KL(p || q) = sum_c p_c log(p_c / q_c)

    Kullback and Leibler 1951.

    Args:
        p: Class probabilities, shape (..., C).
        q: The same shape.

    Returns:
        Shape (...), nats, at least 0; not the same with p and q exchanged.

    >>> import numpy as np
    >>> kl_divergence(np.array([0.5, 0.5]), np.array([0.75, 0.25])).round(4).tolist()
    0.1438
    """
    xp = array_namespace(p)
    p, q = floored(p), floored(q)
    return xp.clip(xp.sum(p * (xp.log(p) - xp.log(q)), axis=-1), min=0.0)  # rounding can fall below 0 by 1e-17


def jensen_shannon(p: Array, q: Array) -> Array:
    r"""How far two distributions are from their middle, without a floor::

        JSD(p, q) = H[(p + q) / 2] - (H[p] + H[q]) / 2

    Lin 1991 (doi:10.1109/18.61115).

    Args:
        p: Class probabilities, shape (..., C).
        q: The same shape.

    Returns:
        Shape (...), nats, within [0, log 2], the same with p and q exchanged; log 2 where no class has mass in both.

    >>> import numpy as np
    >>> jensen_shannon(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])).round(4).tolist()
    [0.6931, 0.0]
    """
    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


def softmax(logs: Array) -> Array:
    """Logarithms of odds → distributions over the last axis. NaN throughout where all odds are 0.

    >>> import numpy as np
    >>> softmax(np.log(np.array([1.0, 3.0]))).round(4).tolist()
    [0.25, 0.75]
    """
    xp = array_namespace(logs)
    odds = xp.exp(logs - xp.max(logs, axis=-1, keepdims=True))
    return odds / xp.sum(odds, axis=-1, keepdims=True)


def as_like(values: Any, like: Array) -> Array:
    """NumPy's numbers as an array of the same library, precision and device."""
    return array_namespace(like).asarray(values, dtype=like.dtype, device=device(like))
