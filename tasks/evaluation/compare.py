"""Several systems over the same clips: their scores, the teachers' oracle, the gap recovered, how sure a UA is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.evaluation.metrics import FloatArray, index_gold, predict, score
from tasks.evaluation.systems import ORACLE, STUDENT, in_order, teachers_of


def score_systems(
    gold: Sequence[str], probs: Mapping[str, FloatArray], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What goes into `metrics.json`: the scores of each system and, with two teachers or more, of their oracle.

    Args:
        gold: Gold label of each of the N clips.
        probs: Class probabilities (N, C) by system: `source`, `lalm`, …, `fused`, `student`; NaN rows for no answer.
        classes: The C class names in column order.

    Raises:
        ValueError: As `score`; the message begins with the system's name.
    """
    metrics = {name: _score_named(name, gold, probs[name], classes) for name in in_order(probs)}
    teachers = teachers_of(probs)
    if len(teachers) > 1:
        metrics[ORACLE] = score(gold, oracle_probs(gold, [probs[t] for t in teachers], classes), classes).to_json()
    return metrics


def oracle_probs(gold: Sequence[str], probs_of_teachers: Sequence[FloatArray], classes: Sequence[str]) -> FloatArray:
    """Per clip the row of the first teacher that is right; where none is, the first teacher's.

    No rule that picks one teacher per clip can do better, so this is the ceiling of choosing. A rule that mixes may.

    >>> a, b = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.2, 0.8], [0.3, 0.7]])
    >>> oracle_probs(["sad", "happy"], [a, b], ["sad", "happy"]).tolist()
    [[0.9, 0.1], [0.3, 0.7]]
    """
    gold_N = index_gold(gold, classes)
    chosen_NC = probs_of_teachers[0]
    for probs_NC in reversed(probs_of_teachers):
        is_right_N = predict(probs_NC)[0] == gold_N
        chosen_NC = np.where(is_right_N[:, None], probs_NC, chosen_NC)
    return chosen_NC


def gap_recovered(metrics: Mapping[str, Mapping[str, Any]]) -> float | None:
    """How much of what a perfect choice between the teachers would gain the student did gain, in UA::

        (student - better teacher) / (oracle - better teacher)

    Negative below the better teacher, above 1 beyond the oracle. None without an oracle, or where it gains nothing.

    >>> gap_recovered({"source": {"ua": 0.4}, "lalm": {"ua": 0.5}, "oracle": {"ua": 0.7}, "student": {"ua": 0.55}})
    0.25
    """
    if ORACLE not in metrics or STUDENT not in metrics:
        return None
    better = max(metrics[name]["ua"] for name in teachers_of(metrics))
    room = metrics[ORACLE]["ua"] - better
    return round((metrics[STUDENT]["ua"] - better) / room, 6) if room > 1e-9 else None


def ua_margin(confusion: Sequence[Sequence[int]]) -> float:
    r"""Half the width of the 95 % interval of a UA, from its confusion matrix.

    The recalls are independent binomial shares, one per class, two hits and two misses added to each, so that a class
    without a mistake is not taken for certain (Agresti and Coull 1998)::

        1.96 / |G| * sqrt( sum_c r_c (1 - r_c) / (n_c + 4) ),   r_c = (right_c + 2) / (n_c + 4)

    Clips of one speaker are alike, so the true interval is wider.

    Args:
        confusion: Rows gold, columns predicted, possibly one more column for "no answer".

    Raises:
        ValueError: No clips.

    >>> round(ua_margin([[80, 20, 0], [20, 80, 0]]), 3)
    0.056
    """
    counted = [(sum(row), row[c]) for c, row in enumerate(confusion) if sum(row)]
    if not counted:
        raise ValueError("the confusion matrix holds no clips.")
    shares = [((right + 2) / (n + 4), n + 4) for n, right in counted]
    return 1.96 / len(counted) * math.sqrt(sum(r * (1 - r) / n for r, n in shares))


def _score_named(name: str, gold: Sequence[str], probs_NC: FloatArray, classes: Sequence[str]) -> dict[str, Any]:
    try:
        return score(gold, probs_NC, classes).to_json()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
