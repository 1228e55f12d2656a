"""One method in one cell, with the product's own rules and trainers; the Prefect flows would take most of the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.transfers.cell import CLASSIFIER_DRAWS, Ready
from bench.transfers.corpora import CLASSES
from bench.transfers.methods import CLASSIFIER, LALM, Method, rule_of, student_of
from tasks.encoders.features import Features, Part
from tasks.evaluation.metrics import score
from tasks.fusion.base import Draws, fused_by
from tasks.fusion.seeing import seen_by
from tasks.networks.head import Head
from tasks.students.base import Student, TrainingData
from tasks.students.uses import Uses

Probs = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What the method says of the test clips, and UA on clips it was adapted to at some steps of training."""

    probs_NC: Probs
    curve: list[tuple[int, float]]
    seconds: float


class NotDefinedError(Exception):
    """A method that cannot say anything here; the message says why."""


def run_method(method: Method, ready: Ready, seed: int) -> Outcome:
    """Fits and trains on the adaptation part, answers for the test part."""
    started = time.monotonic()
    settings = student_of(method, seed)
    if settings is None:
        return Outcome(_untrained(method, ready, seed), [], time.monotonic() - started)
    data = training_data(method, settings.uses, ready, seed)
    student = settings.train(
        ready.head(method.statistics), data, CLASSES, None, keep=lambda point: None, report=lambda steps: None
    )
    probs_NC = answers(student.head, Part(ready.features, ready.split.test.tolist()))
    return Outcome(probs_NC, _curve(student, ready), time.monotonic() - started)


def _curve(student: Student, ready: Ready) -> list[tuple[int, float]]:
    """Gold is only read here, when training is over."""
    if student.named is None:
        return []
    gold_M = ready.corpus.gold_N[ready.split.adapt][student.named.rows_M.numpy()]
    gold = [CLASSES[c] for c in gold_M]
    named_PM = student.named.classes_PM.long().numpy()
    uas = [score(gold, np.eye(len(CLASSES))[named_M], CLASSES).ua for named_M in named_PM]
    return list(zip(student.named.steps, uas, strict=True))


def _untrained(method: Method, ready: Ready, seed: int) -> Probs:
    rule, split = rule_of(method), ready.split
    if rule is None:
        return answers(ready.head(method.statistics), Part(ready.features, split.test.tolist()))
    if rule.sees and split.test is not split.adapt:
        raise NotDefinedError("the view that this rule sees cannot be carried over to clips it was not fitted on")
    draws = _draws(method, ready, split.adapt, seed)
    seen_ND = _seen(rule, draws, ready, split.adapt)
    fitted = rule.fit(draws, method.teachers, seen_ND)
    return np.asarray(fused_by(fitted, _draws(method, ready, split.test, seed), seen_ND).probs_NC)


def training_data(method: Method, uses: Uses, ready: Ready, seed: int) -> TrainingData:
    """As `tasks.train_student` makes it from files: labels fused once, the classifier's draws left to be made anew."""
    rows = ready.split.adapt
    features = Part(ready.features, rows.tolist())
    if method.gold:
        labels_NC = torch.eye(len(CLASSES))[torch.from_numpy(ready.corpus.gold_N[rows])]
        return TrainingData(features, labels_NC, draws=[], rule=None, classifier_draws=CLASSIFIER_DRAWS)
    rule, draws = rule_of(method), _draws(method, ready, rows, seed)
    seen_ND = _seen(rule, draws, ready, rows)
    labels_NC = torch.from_numpy(fused_by(rule.fit(draws, method.teachers, seen_ND), draws, seen_ND).probs_NC).float()
    if labels_NC.isnan().any():
        raise ValueError(
            f"{method.name}: {int(labels_NC.isnan().any(1).sum())} clips get no label though all are drawn"
        )
    data = TrainingData(features, labels_NC, draws=[], rule=None, classifier_draws=CLASSIFIER_DRAWS)
    if ready.others:
        data = replace(data, others=[Part(other, rows.tolist()) for other in ready.others])
    if uses == "views":
        data = replace(data, speakers=ready.corpus.told_speakers(rows))
    return _with_draws(data, rule, uses, dict(zip(method.teachers, draws, strict=True)), seen_ND)


def _with_draws(
    data: TrainingData,
    rule: Any,
    uses: Uses,
    draws: dict[str, Draws],
    seen_ND: NDArray[np.float32] | None,
) -> TrainingData:
    """The classifier's own are left out: they are made anew."""
    if uses == "labels":
        return data
    said = {
        name: Draws(torch.from_numpy(d.probs_NKC).float(), torch.from_numpy(d.valid_NK)) for name, d in draws.items()
    }
    if uses != "rule":
        return replace(data, draws=[draws for name, draws in said.items() if name != CLASSIFIER])
    seen = None if seen_ND is None else torch.from_numpy(seen_ND)
    fitted = rule.fit(list(said.values()), list(said), seen)
    fixed = [None if name == CLASSIFIER else draws for name, draws in said.items()]
    return replace(data, draws=fixed, rule=fitted, seen_ND=seen)


def answers(head: Head, features: Features) -> Probs:
    """Class probabilities without dropout, shape (N, C)."""
    with torch.inference_mode():
        probs_NC: Probs = head(features.rows(range(len(features)))).double().softmax(dim=-1).numpy()
    return probs_NC


def _draws(method: Method, ready: Ready, rows: NDArray[np.int64], seed: int) -> Sequence[Draws]:
    """In the order of the method's teachers."""
    said = {LALM: ready.lalm_NKC[rows], CLASSIFIER: ready.classifier_draws(method.statistics, rows, seed)}
    if ready.third_NKC is not None:
        said |= {name: ready.third_NKC[rows] for name in method.teachers if name not in said}
    return [Draws(said[name], np.ones(said[name].shape[:2], dtype=bool)) for name in method.teachers]


def _seen(rule: Any, draws: Sequence[Draws], ready: Ready, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
    return seen_by(rule, draws, Part(ready.features, rows.tolist()), ready.corpus.told_speakers(rows))
