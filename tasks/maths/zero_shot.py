"""Zero-shot classification by a dual encoder: a clip's class is the text that lies nearest to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def ensemble(vectors_PCD: FloatArray) -> FloatArray:
    r"""One vector per class from P texts that name it, such as several prompts::

        t_c = m_c / ||m_c||,  m_c = 1/P sum_p v_pc / ||v_pc||

    Radford et al. 2021 (arXiv:2103.00020), section 3.1.4; arXiv:2603.23057.

    Args:
        vectors_PCD: Embedded texts, shape (P, C, D), of any length but 0.

    Returns:
        Shape (C, D), of length 1.

    Raises:
        ValueError: Not (P, C, D); a vector without a direction; or texts of a class that cancel each other out.

    >>> ensemble(np.array([[[2.0, 0.0]], [[0.0, 5.0]]])).round(4).tolist()
    [[0.7071, 0.7071]]
    """
    if vectors_PCD.ndim != 3 or not len(vectors_PCD):
        raise ValueError(f"expected texts of shape (P, C, D) with P > 0, found {vectors_PCD.shape}.")
    return _unit(_unit(np.asarray(vectors_PCD, np.float64)).mean(axis=0))


def zero_shot_probs(clips_ND: FloatArray, classes_CD: FloatArray, scale: float) -> FloatArray:
    r"""How likely each class is by the cosine between clip and text::

        p_nc = softmax_c( scale * cos(a_n, t_c) )

    Radford et al. 2021 (arXiv:2103.00020); for audio Wu et al. 2023 (arXiv:2211.06687).

    Args:
        clips_ND: Embedded clips, shape (N, D).
        classes_CD: One vector per class, shape (C, D).
        scale: The model's logit scale, above 0.

    Returns:
        Shape (N, C); rows sum to 1.

    Raises:
        ValueError: A vector without a direction, or a scale that is not above 0.

    >>> zero_shot_probs(np.array([[3.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]), scale=1.0).round(4).tolist()
    [[0.7311, 0.2689]]
    """
    if not scale > 0:
        raise ValueError(f"the logit scale must be above 0, got {scale}.")
    logits_NC = scale * _unit(np.asarray(clips_ND, np.float64)) @ _unit(np.asarray(classes_CD, np.float64)).T
    raised_NC = np.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
    return raised_NC / raised_NC.sum(axis=1, keepdims=True)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not (length > 0).all():  # NaN too
        raise ValueError(f"{int((~(length > 0)).sum())} of {length.size} vectors have no direction (length 0 or NaN).")
    return vectors / length
