"""Classes that a teacher has never met: its draws leave the mass to them that the other teachers give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from tasks.fusion.base import Draws
from tasks.maths.distributions import as_like
from tasks.maths.uncertainty import Array, mean_draw


def completed(draws: Sequence[Draws], lacks_TC: NDArray[np.bool_]) -> list[Draws]:
    r"""The same draws, in which a teacher makes room for each class that it lacks.

    The word "0" of a teacher that has never met a class is no evidence against it. Of such a class c the others that
    know it give clip n the mean mass

        m_nc = mean over these teachers of their mean valid draw's p_c        (over those that have a valid draw)

    and each draw of the teacher t that lacks it becomes::

        p'_nkc = m_nc                          for the classes that t lacks
        p'_nkc = (1 - sum_c' m_nc') p_nkc      for the others; what stood at a lacking one is left out before

    so that t says what it knows, given that the clip is of a class that it knows, and nothing more. Its mutual
    information becomes (1 - m_n) times what it was. The law of total probability, with the others' word for the part
    that t cannot know.

    Where no other teacher that knows the class has a valid draw, m_n is 0: the class gets nothing.

    Args:
        draws: Of each teacher, as its table has them.
        lacks_TC: Which classes each teacher lacks, shape (T, C).

    Returns:
        In the same order; a teacher that lacks nothing is given back as it is.

    Raises:
        ValueError: A teacher that lacks all classes.

    >>> def say(*probs_C):
    ...     return Draws(np.array([[probs_C]]), np.ones((1, 1), dtype=bool))
    >>> lacks = np.array([[False, False, False], [True, False, False]])
    >>> found = completed([say(0.6, 0.3, 0.1), say(0.0, 0.5, 0.5)], lacks)
    >>> found[1].probs_NKC.round(3).tolist()
    [[[0.6, 0.2, 0.2]]]
    """
    if lacks_TC.all(axis=1).any():
        raise ValueError("each teacher must know a class")
    if not lacks_TC.any():
        return list(draws)
    means = [mean_draw(teacher.probs_NKC, teacher.valid_NK) for teacher in draws]
    return [
        _completed(teacher, _others_word(means, lacks_TC, t), lacks_TC[t]) if lacks_TC[t].any() else teacher
        for t, teacher in enumerate(draws)
    ]


def lacking(lacks: Mapping[str, Sequence[str]], teachers: Sequence[str], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Which classes each teacher lacks, shape (T, C), of what is declared by the teachers' names."""
    return np.array([[name in lacks.get(teacher, ()) for name in classes] for teacher in teachers], dtype=bool)


def _others_word(means: Sequence[Array], lacks_TC: NDArray[np.bool_], t: int) -> Array:
    """The mass of each class that teacher t lacks, shape (N, C); 0 for the others."""
    xp = array_namespace(means[0])
    columns = []
    for c in range(lacks_TC.shape[1]):
        knowing = [means[s][:, c] for s in range(len(means)) if s != t and not lacks_TC[s, c]]
        zeros_N = xp.zeros_like(means[0][:, c])
        columns.append(_mean_of_known(knowing, zeros_N) if lacks_TC[t, c] else zeros_N)
    mass_NC = xp.stack(columns, axis=1)
    total_N1 = xp.sum(mass_NC, axis=1)[:, None]  # of several teachers that know one class each it may be more than 1
    return mass_NC / xp.where(total_N1 > 1, total_N1, xp.ones_like(total_N1))


def _mean_of_known(columns: Sequence[Array], zeros_N: Array) -> Array:
    """Over those that are numbers; 0 where none is."""
    if not columns:
        return zeros_N
    xp = array_namespace(zeros_N)
    values_SN = xp.stack(list(columns), axis=0)
    known_SN = ~xp.isnan(values_SN)
    count_N = xp.sum(xp.astype(known_SN, values_SN.dtype), axis=0)
    total_N = xp.sum(xp.where(known_SN, values_SN, xp.zeros_like(values_SN)), axis=0)
    return total_N / xp.where(count_N > 0, count_N, xp.ones_like(count_N))


def _completed(teacher: Draws, mass_NC: Array, lacks_C: NDArray[np.bool_]) -> Draws:
    xp = array_namespace(teacher.probs_NKC)
    knows_C = as_like(~lacks_C, mass_NC)
    own_NKC = teacher.probs_NKC * knows_C
    total_NK1 = xp.sum(own_NKC, axis=-1)[..., None]
    own_NKC = own_NKC / xp.where(total_NK1 > 0, total_NK1, xp.ones_like(total_NK1))
    left_N11 = (1 - xp.sum(mass_NC, axis=1))[:, None, None]
    full_NKC = left_N11 * own_NKC + mass_NC[:, None]
    return Draws(xp.where(teacher.valid_NK[..., None], full_NKC, xp.zeros_like(full_NKC)), teacher.valid_NK)
