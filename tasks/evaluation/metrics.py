"""How well a system's class probabilities match the gold labels: UA, WA, macro F1, ECE, recalls and confusions."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from tasks.evaluation.calibration import ReliabilityBin, expected_calibration_error, reliability_bins

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SUM_TOLERANCE = 1e-3  # float32 tables and answers rounded to three decimals pass; logits and percentages do not


@dataclass(frozen=True)
class Scores:
    """One system over one set of clips, as fractions. A clip without a valid answer counts as wrong."""

    ua: float  # unweighted accuracy: mean recall over the classes that occur in gold
    wa: float  # weighted accuracy: share of the clips that are right
    macro_f1: float  # mean F1 over the classes that occur in gold
    ece: float | None  # over the answered clips; None where none is answered
    n: int
    coverage: float  # share of the clips with a valid answer
    recall: dict[str, float]  # of the classes that occur in gold
    confusion: list[list[int]]  # rows gold, columns predicted, both in class order; last column "no answer"
    reliability: list[ReliabilityBin]  # over the answered clips; empty bins left out

    def to_json(self) -> dict[str, Any]:
        """As plain JSON types, for `metrics.json`."""
        return dataclasses.asdict(self)


def score(gold: Sequence[str], probs_NC: FloatArray, classes: Sequence[str]) -> Scores:
    r"""Score one system's probabilities against the gold labels.

    Recall, accuracy and F1 are counted by scikit-learn on the most probable class::

        UA = 1/|G| sum_{c in G} right_c / n_c        G: the classes that occur in gold
        WA = 1/N sum_c right_c
        macro F1 = 1/|G| sum_{c in G} 2 right_c / (n_c + predicted_c)

    UA: Schuller et al. 2009, "The INTERSPEECH 2009 Emotion Challenge". ECE: Guo et al. 2017 (arXiv:1706.04599).
    All three means are over G, the same for every system, so that rows of one table are comparable.

    Args:
        gold: Gold label of each clip, N of them, each one of ``classes``.
        probs_NC: Class probabilities, shape (N, C). A row of NaN means "no valid answer": wrong, whatever gold says.
        classes: The C class names in column order. Of equally probable classes the first one is taken.

    Returns:
        Scores within [0, 1].

    Raises:
        ValueError: No clips; a gold label that is no class; a shape other than (N, C); a row that is no distribution.

    >>> scores = score(["sad", "sad", "happy"], np.array([[0.9, 0.1], [0.3, 0.7], [np.nan, np.nan]]), ["sad", "happy"])
    >>> scores.ua, round(scores.wa, 3), round(scores.coverage, 3), scores.confusion
    (0.25, 0.333, 0.667, [[1, 1, 0], [0, 0, 1]])
    """
    gold_N = index_gold(gold, classes)
    check_probs(probs_NC, len(gold), len(classes))
    predicted_N, answered_N = predict(probs_NC)
    occurring = sorted(set(gold_N.tolist()))
    recalls = recall_score(gold_N, predicted_N, labels=occurring, average=None, zero_division=0)
    confidence_M = np.minimum(probs_NC[answered_N].max(axis=1), 1.0)  # a row may sum to a little more than 1
    correct_M = (gold_N == predicted_N)[answered_N]
    return Scores(
        ua=float(np.mean(recalls)),
        wa=float(accuracy_score(gold_N, predicted_N)),
        macro_f1=float(f1_score(gold_N, predicted_N, labels=occurring, average="macro", zero_division=0)),
        ece=expected_calibration_error(confidence_M, correct_M) if len(correct_M) else None,
        n=len(gold),
        coverage=float(np.mean(answered_N)),
        recall={classes[c]: float(recall) for c, recall in zip(occurring, recalls, strict=True)},
        confusion=confusion_matrix(gold_N, predicted_N, labels=range(len(classes) + 1))[: len(classes)].tolist(),
        reliability=reliability_bins(confidence_M, correct_M),
    )


def predict(probs_NC: FloatArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """The most probable class of each row and whether there is one; without an answer the index C stands for "none".

    >>> predict(np.array([[0.2, 0.8], [np.nan, np.nan]]))
    (array([1, 2]), array([ True, False]))
    """
    answered_N = np.logical_not(np.isnan(probs_NC).any(axis=1))
    best_N = np.nan_to_num(probs_NC).argmax(axis=1)
    return np.where(answered_N, best_N, probs_NC.shape[1]), answered_N


def index_gold(gold: Sequence[str], classes: Sequence[str]) -> IntArray:
    """Gold labels as column numbers; refuses an empty list and labels that are no class."""
    if not len(gold):
        raise ValueError("there are no clips to score: gold is empty.")
    column = {name: c for c, name in enumerate(classes)}
    unknown = [(n, label) for n, label in enumerate(gold) if label not in column]
    if unknown:
        n, label = unknown[0]
        raise ValueError(
            f"{len(unknown)} of {len(gold)} gold labels are not among the classes ({', '.join(classes)}); "
            f"first: gold[{n}] = {label!r}."
        )
    return np.array([column[label] for label in gold], dtype=np.int64)


def check_probs(probs_NC: FloatArray, n_clips: int, n_classes: int) -> None:
    """Refuse anything but N rows over C classes, each a distribution or NaN throughout."""
    if probs_NC.shape != (n_clips, n_classes):
        raise ValueError(
            f"probs_NC has shape {probs_NC.shape}, but there are {n_clips} gold labels, {n_classes} classes."
        )
    is_distribution_N = (probs_NC >= 0).all(axis=1) & (np.abs(probs_NC.sum(axis=1) - 1) <= SUM_TOLERANCE)
    wrong = np.flatnonzero(~(is_distribution_N | np.isnan(probs_NC).all(axis=1)))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of {n_clips} rows are not probability distributions; "
            f"first: row {wrong[0]} = {probs_NC[wrong[0]].tolist()}. Did you pass logits? A row of NaN means no answer."
        )
