"""Which clips are worth another paid draw: those whose fused label may still change."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, factorial, prod

import numpy as np
from numpy.typing import NDArray

from tasks.fusion.base import Draws
from tasks.maths.uncertainty import check_draws, entropy, mean_draw, mutual_information

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_SURPRISE = 0.5  # draws' worth of belief that the next one says something new; a half is Jeffreys' and KT's choice
_MOST_FUTURES = 1500  # two draws of four classes may be followed by 8 more before fewer are looked ahead
_AT_ONCE = 1_000_000  # numbers per array: 8 MB


def ask_another(lalm: Draws, classifier: Draws, *, least: int, most: int, stop: float) -> BoolArray:
    """Which clips to ask the LALM about once more.

    A clip is settled once its `expected_change` is at most `stop`, and settled for good: the decision is made anew
    after each draw from `least` on, in their order, so later draws cannot open it again. It rests on the clip's own
    draws alone, so other clips change nothing. A clip with fewer than two valid draws is open: its mutual
    information is not known.

    Args:
        lalm: All draws asked so far, K per clip; those that are not valid (refused, unparsable, not asked) count as
            asked.
        classifier: The draws of the teacher that it is fused with, of the same clips.
        least: Draws that every clip gets.
        most: Draws that no clip gets more of.
        stop: The tolerance.

    Returns:
        Shape (N,). All false once K is `most`.

    Raises:
        ValueError: Not the same clips, limits that make no sense, or draws that are no distributions.
    """
    check_draws(lalm.probs_NKC, lalm.valid_NK)
    n_clips, asked = lalm.probs_NKC.shape[:2]
    if len(classifier.probs_NKC) != n_clips:
        raise ValueError(f"the LALM's draws are of {n_clips} clips, the classifier's of {len(classifier.probs_NKC)}")
    if not 2 <= least <= most:
        raise ValueError(f"expected 2 <= least <= most, got least {least} and most {most}")
    open_N = np.full(n_clips, asked < most)
    for k in range(least, asked + 1) if asked < most else ():
        so_far = Draws(lalm.probs_NKC[open_N, :k], lalm.valid_NK[open_N, :k])
        other = Draws(classifier.probs_NKC[open_N], classifier.valid_NK[open_N])
        open_N[open_N] = expected_change(so_far, other, most) > stop
    return open_N


def expected_change(lalm: Draws, classifier: Draws, most: int) -> FloatArray:
    r"""How much the fused label is expected to move until `most` draws are asked.

    Polya's urn (Blackwell & MacQueen 1973) says what the next draws may be. With k valid draws, the next one

    - repeats one of them with probability 1 / (k + 1/2) each, or
    - names a class with certainty, with probability (1/2) / (k + 1/2); which class, the fused label p says.

    Each imagined draw is put back into the urn. For every outcome the clip is fused anew to p', as by
    `MutualInformationRule` at temperature 1::

        change = 1                           where argmax p' is not argmax p
                 1/2 sum_c |p'_c - p_c|      elsewhere: the total variation
        expected change = sum over outcomes of P(outcome) change(outcome)

    All outcomes are counted, nothing is sampled. Where they are more than 1,500, fewer draws are looked ahead.

    Args:
        lalm: K draws per clip, all asked so far.
        classifier: The other teacher's.
        most: More than K.

    Returns:
        Shape (N,), within [0, 1]. 1 where fewer than two of the LALM's draws are valid.

    >>> def draws(*draws_KC):
    ...     return Draws(np.array([draws_KC]), np.ones((1, len(draws_KC)), dtype=bool))
    >>> classifier = draws([0.5, 0.3, 0.2], [0.5, 0.3, 0.2])
    >>> expected_change(draws([0.9, 0.05, 0.05], [0.9, 0.05, 0.05]), classifier, most=5).round(3).tolist()
    [0.021]
    >>> expected_change(draws([0.9, 0.05, 0.05], [0.05, 0.9, 0.05]), classifier, most=5).round(3).tolist()
    [0.258]
    """
    change_N = np.ones(len(lalm.probs_NKC))
    known_N = lalm.enough_N(2)
    for at in _pieces(np.flatnonzero(known_N), lalm.probs_NKC.shape, most):
        so_far = Draws(lalm.probs_NKC[at], lalm.valid_NK[at])
        change_N[at] = _expected_change(so_far, Draws(classifier.probs_NKC[at], classifier.valid_NK[at]), most)
    return change_N


def _expected_change(lalm: Draws, classifier: Draws, most: int) -> FloatArray:
    """The same for clips that all have two valid draws; S atoms in the urn, F futures."""
    n_clips, asked, n_classes = lalm.probs_NKC.shape
    mi_N = mutual_information(classifier.probs_NKC, classifier.valid_NK)
    fuse_with = mean_draw(classifier.probs_NKC, classifier.valid_NK), mi_N
    count_N1 = lalm.valid_NK.sum(axis=1, keepdims=True)
    now_NC = _fuse(lalm.probs_NKC, lalm.valid_NK[:, None], count_N1, *fuse_with)[:, 0]

    classes_NCC = np.broadcast_to(np.eye(n_classes), (n_clips, n_classes, n_classes))
    atoms_NSC = np.concatenate([lalm.probs_NKC, classes_NCC], axis=1)
    weights_NS = np.concatenate([lalm.valid_NK, _SURPRISE * now_NC], axis=1)
    times_FS = _futures(asked + n_classes, _steps(asked + n_classes, most - asked))
    drawn_NFS = times_FS + np.pad(lalm.valid_NK, ((0, 0), (0, n_classes)))[:, None]
    then_NFC = _fuse(atoms_NSC, drawn_NFS, count_N1 + times_FS[0].sum(), *fuse_with)

    moved_NF = 0.5 * np.abs(then_NFC - now_NC[:, None]).sum(axis=-1)
    flips_NF = then_NFC.argmax(axis=-1) != now_NC.argmax(axis=-1)[:, None]
    change_N: FloatArray = (_chances(weights_NS, times_FS) * np.where(flips_NF, 1.0, moved_NF)).sum(axis=-1)
    return change_N


def _fuse(
    atoms_NSC: FloatArray,
    times_NFS: NDArray[np.int_],
    count_N1: NDArray[np.int_],
    other_NC: FloatArray,
    mi_N: FloatArray,
) -> FloatArray:
    """The fused labels (N, F, C) if each atom is drawn that often: two teachers' softmax of -MI is a sigmoid."""
    share_NFS = times_NFS / count_N1[..., None]
    mean_NFC = np.einsum("nfs,nsc->nfc", share_NFS, atoms_NSC)
    own_NF = np.einsum("nfs,ns->nf", share_NFS, entropy(atoms_NSC))
    weight_NF = 1 / (1 + np.exp(np.maximum(entropy(mean_NFC) - own_NF, 0) - mi_N[:, None]))
    weight_NF1 = np.where(np.isnan(weight_NF), 1.0, weight_NF)[..., None]  # a classifier that cannot weigh in
    return weight_NF1 * mean_NFC + (1 - weight_NF1) * np.nan_to_num(other_NC)[:, None]


def _chances(weights_NS: FloatArray, times_FS: NDArray[np.int_]) -> FloatArray:
    """Probability of each future, (N, F): multinomial coefficient times rising factorials of the urn's weights."""
    steps = int(times_FS[0].sum())
    ahead = np.arange(steps)
    rising_NSM = np.cumprod(weights_NS[..., None] + ahead, axis=-1)
    rising_NSM = np.concatenate([np.ones_like(rising_NSM[..., :1]), rising_NSM], axis=-1)
    ways_F = np.array([factorial(steps) / prod(map(factorial, times_S)) for times_S in times_FS.tolist()])
    chosen_NFS = rising_NSM[:, np.arange(times_FS.shape[1]), times_FS]
    all_N = np.prod(weights_NS.sum(axis=1)[:, None] + ahead, axis=-1)
    chances_NF: FloatArray = ways_F * chosen_NFS.prod(axis=-1) / all_N[:, None]
    return chances_NF


def _steps(atoms: int, left: int) -> int:
    """How many of the draws that are left are looked ahead."""
    return max((steps for steps in range(1, left + 1) if comb(steps + atoms - 1, steps) <= _MOST_FUTURES), default=1)


@lru_cache(maxsize=64)
def _futures(atoms: int, steps: int) -> NDArray[np.int_]:
    """Every way of drawing so many times, order aside: how often each atom comes up, shape (F, S)."""
    ways = combinations_with_replacement(range(atoms), steps)
    return np.array([np.bincount(way, minlength=atoms) for way in ways])


def _pieces(clips: NDArray[np.int_], shape: tuple[int, ...], most: int) -> Iterator[NDArray[np.int_]]:
    """So many clips at a time that memory stays flat."""
    atoms = shape[1] + shape[2]
    steps = _steps(atoms, most - shape[1])
    size = max(1, _AT_ONCE // (comb(steps + atoms - 1, steps) * atoms))
    yield from (clips[at : at + size] for at in range(0, len(clips), size))
