"""How sure a teacher is of each clip: entropy and mutual information of its draws, for NumPy and torch alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace, device

# NumPy's and torch's arrays share no base class; the array API standard is what both keep.
Array = Any

_TOLERANCE = 1e-3  # float16 checkpoints and rounded answers; a logit is further off than this


def entropy(probs: Array) -> Array:
    r"""How spread out each distribution is::

        H[p] = - sum_c p_c log p_c        with 0 log 0 = 0

    Shannon 1948.

    Args:
        probs: Class probabilities, shape (..., C); C >= 2.

    Returns:
        Shape (...), nats, within [0, log C].

    >>> import numpy as np
    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(4).tolist()
    [0.6931, 0.0]
    """
    xp = array_namespace(probs)
    safe = xp.where(probs > 0, probs, xp.ones_like(probs))
    return -xp.sum(probs * xp.log(safe), axis=-1) + 0.0  # + 0.0: no negative zero


def mean_draw(probs_NKC: Array, valid_NK: Array | None = None) -> Array:
    """The mean of each clip's valid draws: equation 2 of `docs/method.md`.

    Args:
        probs_NKC: Class probabilities, shape (N, K, C). Draws that are not valid may hold anything but NaN.
        valid_NK: Which draws count, boolean, shape (N, K). All of them when None.

    Returns:
        Shape (N, C). NaN where a clip has no valid draw.

    >>> import numpy as np
    >>> mean_draw(np.array([[[0.9, 0.1], [0.5, 0.5]]])).tolist()
    [[0.7, 0.3]]
    """
    xp = array_namespace(probs_NKC)
    return _mean_of_valid(probs_NKC, _all_valid(probs_NKC, valid_NK)[..., None], xp)


def mutual_information(probs_NKC: Array, valid_NK: Array | None = None) -> Array:
    r"""How much the draws of one teacher disagree about each clip.

    The part of the predictive entropy that is left when each draw's own doubt is taken away::

        MI_n = H[ mean_k p_nk ] - mean_k H[ p_nk ]

    Houlsby et al. 2011 (arXiv:1112.5745), with the posterior replaced by K draws; section 3 of arXiv:2509.20706.

    Args:
        probs_NKC: Class probabilities, shape (N, K, C). Each ``probs_NKC[n, k]`` sums to 1.
        valid_NK: Which draws count, boolean, shape (N, K). All of them when None.

    Returns:
        Shape (N,), nats, within [0, log(min(K, C))]. 0 means that all draws agree, not that they are right.
        NaN where fewer than two draws are valid: one draw cannot disagree with itself.

    Raises:
        ValueError: Not (N, K, C); K < 2 (0 would read as full trust); or a valid draw that is no distribution.

    >>> import numpy as np
    >>> mutual_information(np.array([[[0.9, 0.1], [0.9, 0.1]], [[1.0, 0.0], [0.0, 1.0]]])).round(4).tolist()
    [0.0, 0.6931]
    """
    xp = array_namespace(probs_NKC)
    check_draws(probs_NKC, valid_NK)
    if probs_NKC.shape[1] < 2:
        raise ValueError("mutual information needs at least 2 draws, got 1: one draw cannot disagree with itself")
    valid_NK = _all_valid(probs_NKC, valid_NK)
    total_N = entropy(_mean_of_valid(probs_NKC, valid_NK[..., None], xp))
    own_N = _mean_of_valid(entropy(probs_NKC), valid_NK, xp)
    mi_N = xp.clip(total_N - own_N, min=0.0)  # rounding can fall below 0 by 1e-17
    known_N = xp.sum(xp.astype(valid_NK, probs_NKC.dtype), axis=1) >= 2
    return xp.where(known_N, mi_N, xp.full_like(mi_N, xp.nan))


def wording_information(probs_NKC: Array, valid_NK: Array | None, prompts_K: Sequence[int]) -> Array:
    r"""How much of the disagreement between the draws comes from how the question was worded.

    Draw k was asked with prompt :math:`q_k`. The draws' mutual information splits into what lies between the prompts'
    means and what lies between the draws of one prompt; this is the first part::

        MI_between_n = H[ mean_k p_nk ] - sum_q (K_nq / K_n) H[ mean_{k: q_k = q} p_nk ]

    with K_nq valid draws of prompt q among K_n. The chain rule of mutual information (Cover and Thomas 2006,
    section 2.5) on prompt → draw → class. With few draws per prompt it is too large: draws of one prompt differ too,
    and so do their means.

    Args:
        probs_NKC: Class probabilities, shape (N, K, C). Draws that are not valid may hold anything but NaN.
        valid_NK: Which draws count, boolean, shape (N, K). All of them when None.
        prompts_K: The prompt that each draw was asked with, as a number, K of them.

    Returns:
        Shape (N,), nats, within [0, `mutual_information`]. 0 means that every wording gave the same mean.
        NaN where fewer than two prompts have a valid draw.

    Raises:
        ValueError: Not (N, K, C), another number of prompts than of draws, or a valid draw that is no distribution.

    >>> import numpy as np
    >>> votes = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
    >>> wording_information(votes, None, [0, 0, 1, 1]).round(4).tolist()
    [0.6931]
    >>> wording_information(votes, None, [0, 1, 0, 1]).round(4).tolist()
    [0.0]
    """
    xp = array_namespace(probs_NKC)
    check_draws(probs_NKC, valid_NK)
    if len(prompts_K) != probs_NKC.shape[1]:
        raise ValueError(f"{len(prompts_K)} prompts for {probs_NKC.shape[1]} draws: each draw has one")
    valid_NK = _all_valid(probs_NKC, valid_NK)
    own_N = xp.zeros_like(probs_NKC[:, 0, 0])
    used_N = xp.zeros_like(own_N)
    for prompt in sorted({int(prompt) for prompt in prompts_K}):
        of_prompt_K = xp.asarray([int(other) == prompt for other in prompts_K], device=device(probs_NKC))
        mask_NK = valid_NK & of_prompt_K[None, :]
        count_N = xp.sum(xp.astype(mask_NK, probs_NKC.dtype), axis=1)
        doubt_N = entropy(_mean_of_valid(probs_NKC, mask_NK[..., None], xp))
        own_N = own_N + xp.where(count_N > 0, count_N * doubt_N, xp.zeros_like(count_N))
        used_N = used_N + xp.astype(count_N > 0, probs_NKC.dtype)
    draws_N = xp.sum(xp.astype(valid_NK, probs_NKC.dtype), axis=1)
    total_N = entropy(_mean_of_valid(probs_NKC, valid_NK[..., None], xp))
    between_N = xp.clip(total_N - own_N / xp.where(draws_N > 0, draws_N, xp.ones_like(draws_N)), min=0.0)
    return xp.where(used_N >= 2, between_N, xp.full_like(between_N, xp.nan))


def check_draws(probs_NKC: Array, valid_NK: Array | None = None) -> None:
    """Raises ValueError, naming the first offender, unless every valid draw is a distribution."""
    xp = array_namespace(probs_NKC)
    if probs_NKC.ndim != 3:
        raise ValueError(f"draws must have the shape (N, K, C), got {tuple(probs_NKC.shape)}")
    sums_NK = xp.sum(probs_NKC, axis=-1)
    proper_NK = (xp.abs(sums_NK - 1.0) <= _TOLERANCE) & xp.all(probs_NKC >= -_TOLERANCE, axis=-1)
    wrong_NK = ~proper_NK & _all_valid(probs_NKC, valid_NK)
    if not bool(xp.any(wrong_NK)):
        return
    n, k = (int(axis[0]) for axis in xp.nonzero(wrong_NK))
    first = [round(float(p), 4) for p in probs_NKC[n, k]]
    count = int(xp.sum(xp.astype(wrong_NK, xp.int64)))
    total = wrong_NK.shape[0] * wrong_NK.shape[1]
    raise ValueError(
        f"{count} of {total} draws are not probability distributions; "
        f"first: clip {n}, draw {k} = {first}. Did you pass logits?"
    )


def _all_valid(probs_NKC: Array, valid_NK: Array | None) -> Array:
    xp = array_namespace(probs_NKC)
    return xp.ones_like(probs_NKC[..., 0], dtype=xp.bool) if valid_NK is None else valid_NK


def _mean_of_valid(values: Array, valid: Array, xp: Any) -> Array:
    """Mean over axis 1 of what is valid; NaN where nothing is."""
    weight = xp.astype(valid, values.dtype)
    count = xp.sum(weight, axis=1)
    total = xp.sum(values * weight, axis=1)
    return xp.where(count > 0, total / xp.where(count > 0, count, xp.ones_like(count)), xp.full_like(total, xp.nan))
