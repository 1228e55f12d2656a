"""Which teacher is the better one, guessed without labels, and which one it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from bench.transfers.cell import CLASSIFIER_DRAWS, Cell, Ready, prepare
from bench.transfers.code_version import code_version
from bench.transfers.corpora import CLASSES
from bench.transfers.kept import place_of
from bench.transfers.methods import METHODS, TEACHERS
from tasks.encoders.embedding import embed
from tasks.encoders.features import Features, Part
from tasks.encoders.speakers import SpeakerCentred
from tasks.evaluation.metrics import score
from tasks.fusion.base import Draws, fused_by
from tasks.fusion.generative import GenerativeRule
from tasks.maths.uncertainty import mutual_information
from tasks.networks.statistics import statistics_of
from tasks.storage.files import replacing, sha256_of_json
from tasks.teachers.mc_dropout import draw_by_dropout

Array = NDArray[np.float64]

GUESSES = {
    "trust": "trust of the label model",
    "agreement": "agreement with the label model's labels",
    "certainty": "smaller mean MI",
    "habit": "always the classifier",
}


@dataclass(frozen=True)
class Naming:
    """One cell. Every pair of figures is of the LALM and of the classifier, in the order of TEACHERS.

    Attributes:
        lalm: Which.
        transfer: Source and target.
        ua_T: The truth, in percent.
        trust_T: The label model's powers: how far a teacher's certainty is borne out.
        agreement_T: The mean probability, by the label model, of the class that a teacher names.
        certainty_T: Minus the mean MI of its draws: what the paper's weights go by.
    """

    lalm: str
    transfer: str
    ua_T: tuple[float, float]
    trust_T: tuple[float, float]
    agreement_T: tuple[float, float]
    certainty_T: tuple[float, float]

    @property
    def habit_T(self) -> tuple[float, float]:
        """What needs no look at the target, to compare with."""
        return 0.0, 1.0

    def is_right(self, guess: str) -> bool:
        """Whether the teacher with the larger figure is strictly the better one."""
        first, other = getattr(self, f"{guess}_T")
        return (first - other) * (self.ua_T[0] - self.ua_T[1]) > 0


def naming_of(cell: Cell, cache: Path) -> Naming:
    """Computed once: kept beside the results."""
    (best,) = [method for method in METHODS if method.name == "best"]
    key = [place_of(cell, best, cache).name, code_version(__name__, "tasks.fusion.generative")]
    file = cache / "questions" / "naming" / f"{sha256_of_json(key)[:32]}.json"
    if not file.is_file():
        made = _named(cell, prepare(cell, cache))
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(asdict(made)) + "\n", encoding="utf-8")
    return Naming(**json.loads(file.read_text(encoding="utf-8")))


def _named(cell: Cell, ready: Ready) -> Naming:
    gold = [CLASSES[c] for c in ready.corpus.gold_N[ready.split.adapt]]
    probs_TNKC, trust_T, labels_NC = looked_twice(ready, cell.seed)
    means_TNC = [probs_NKC.mean(axis=1) for probs_NKC in probs_TNKC]
    agreement_T = [float(labels_NC[np.arange(len(p)), p.argmax(axis=1)].mean()) for p in means_TNC]
    every = [np.ones(p.shape[:2], dtype=bool) for p in probs_TNKC]
    mi_T = [float(np.mean(mutual_information(p, valid))) for p, valid in zip(probs_TNKC, every, strict=True)]
    ua_T = [100 * score(gold, p, CLASSES).ua for p in means_TNC]
    return Naming(
        cell.scene.lalm.name, cell.transfer, _two(ua_T), _two(trust_T), _two(agreement_T), _two([-mi for mi in mi_T])
    )


def looked_twice(ready: Ready, seed: int) -> tuple[list[Array], list[float], Array]:
    """What each teacher says, how far it is trusted, and the labels, as in `tasks.students.relabelling`."""
    rows = ready.split.adapt
    features: Features = Part(ready.features, rows.tolist())
    probs_TNKC = heard(ready, features, seed)
    trust_T, labels_NC = judged(probs_TNKC, embed(features))
    if ready.corpus.has_speakers:
        features = SpeakerCentred(features, ready.corpus.told_speakers(rows), labels_NC)
        probs_TNKC = heard(ready, features, seed)
        trust_T, labels_NC = judged(probs_TNKC, embed(features))
    return probs_TNKC, trust_T, labels_NC


def heard(ready: Ready, features: Features, seed: int) -> list[Array]:
    """The teachers' draws, shape (N, K, C) each, in the order of TEACHERS; the classifier's of these features."""
    rows, head = ready.split.adapt, copy.deepcopy(ready.by_target)
    head.standardise_by(statistics_of(features))
    sha256s = [ready.corpus.files[row].sha256 for row in rows]
    return [ready.lalm_NKC[rows], draw_by_dropout(head, features, sha256s, CLASSIFIER_DRAWS, seed)]


def judged(probs_TNKC: Sequence[Array], seen_ND: NDArray[np.float32]) -> tuple[list[float], Array]:
    """The label model's trust in each teacher, and its labels, shape (N, C)."""
    draws = [Draws(probs_NKC, np.ones(probs_NKC.shape[:2], dtype=bool)) for probs_NKC in probs_TNKC]
    fitted = GenerativeRule().fit(draws, TEACHERS, seen_ND)
    return fitted.model.trust_T.tolist(), np.asarray(fused_by(fitted, draws, seen_ND).probs_NC)


def told(namings: Sequence[Naming], guess: str) -> str:
    """How many are right, and how surely that is no coin.

    >>> told([Naming("l", "t", (60, 50), (1, 0.5), (0, 0), (0, 0))] * 6, "trust")
    '6 of 6 (p = .03)'
    """
    right = sum(naming.is_right(guess) for naming in namings)
    if not namings:
        return "–"
    return f"{right} of {len(namings)} (p {_coin(right, len(namings))})"


def against_habit(namings: Sequence[Naming], guess: str) -> str:
    """Whether a guess that looks at the target beats one that does not: where only one of both is right (sign test).

    >>> against_habit([Naming("l", "t", (60, 50), (1, 0.5), (0, 0), (0, 0))] * 6, "trust")
    'is right in 6 cells where "always the classifier" is not, and wrong in 0 where it is (p = .03).'
    """
    gained = sum(naming.is_right(guess) and not naming.is_right("habit") for naming in namings)
    lost = sum(naming.is_right("habit") and not naming.is_right(guess) for naming in namings)
    where = f'is right in {gained} cells where "{GUESSES["habit"]}" is not, and wrong in {lost} where it is'
    return f"{where} (p {_coin(gained, gained + lost)})."


def _coin(right: int, of: int) -> str:
    p = binomtest(right, of).pvalue if of else 1.0
    return "< .01" if p < 0.01 else f"= {p:.2f}".replace("0.", ".")


def _two(figures: Sequence[float]) -> tuple[float, float]:
    first, other = figures
    return float(first), float(other)
