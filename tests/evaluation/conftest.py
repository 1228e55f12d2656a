"""A made-up run, seeded: what the stages would hand to the evaluation, for any number of clips, classes, teachers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks.evaluation.compare import score_systems
from tasks.evaluation.report import ReportData
from tasks.evaluation.summary import summarise

FloatArray = NDArray[np.float64]
REASONS = ["silent: −92 dBFS", "not readable as audio: unknown format", "shorter than 0.3 s"]
UNKNOWN_MI = "fewer than 2 valid lalm draws: fused from the classifier alone"


def entropy(probs: FloatArray) -> FloatArray:
    return -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=-1)


@dataclass
class MadeUpRun:
    """Draws that lean to gold by a teacher's skill, fused by MI; a student that leans to gold more or less."""

    n: int = 400
    classes: Sequence[str] = ("angry", "happy", "neutral", "sad")
    teachers: Sequence[str] = ("lalm", "classifier")
    quarantined: int = 3
    has_gold: bool = True
    has_curves: bool = True
    student_skill: float = 1.3
    prefix: str = "calls/2026-"
    heard: dict[str, str] = field(default_factory=dict)  # teacher → "text proxy"
    reasons: Sequence[str] = field(default_factory=lambda: REASONS)

    def __post_init__(self) -> None:
        self.rng, c = np.random.default_rng(7), len(self.classes)
        self.gold_N = self.rng.integers(c, size=self.n)
        self.ids = [f"{self.prefix}{i:06d}" for i in range(self.n)]
        self.answered = {t: self.rng.random(self.n) > (0.03 if t == "lalm" else 0) for t in self.teachers}
        self.draws = {
            t: self.draw(5, 0.95, 0.9) if t != "classifier" else self.draw(8, 0.8, 0.2) for t in self.teachers
        }
        self.mi = {t: entropy(d.mean(1)) - entropy(d).mean(1) for t, d in self.draws.items()}
        odds_TN = np.stack(
            [np.exp(-self.mi[t]) * (self.answered[t] | (len(self.teachers) == 1)) for t in self.teachers]
        )
        self.weights = dict(zip(self.teachers, odds_TN / odds_TN.sum(axis=0), strict=True))
        self.fused_NC = sum(self.weights[t][:, None] * self.draws[t].mean(1) for t in self.teachers)
        self.student_NC = self.draw(1, self.student_skill, 0.0)[:, 0]

    def draw(self, k: int, skill: float, doubt: float) -> FloatArray:
        """K draws per clip around a belief that leans to gold by `skill`; `doubt` is how much they differ."""
        shape = (self.n, len(self.classes))
        belief_NC = (
            self.rng.normal(size=shape) + skill * np.eye(shape[1])[self.gold_N] + 0.5 * (np.arange(shape[1]) == 0)
        )
        odds_NKC = np.exp(1.3 * belief_NC[:, None] + doubt * self.rng.normal(size=(shape[0], k, shape[1])))
        return odds_NKC / odds_NKC.sum(axis=-1, keepdims=True)

    def label(self, probs_NC: FloatArray, answered_N: NDArray[np.bool_] | None = None) -> pl.Series:
        names = [self.classes[i] for i in probs_NC.argmax(axis=1)]
        if answered_N is not None:
            names = [name if ok else None for name, ok in zip(names, answered_N, strict=True)]
        return pl.Series(names, dtype=pl.Enum(list(self.classes)))

    def columns(self, probs_NC: FloatArray, prefix: str = "") -> dict[str, FloatArray]:
        return {f"{prefix}p_{name}": probs_NC[:, i] for i, name in enumerate(self.classes)}

    def teacher_columns(self, t: str) -> dict[str, Any]:
        answered_N, mean_NC = self.answered[t], self.draws[t].mean(axis=1)
        known = {"mi": self.mi[t].clip(0), "entropy": entropy(mean_NC)}
        numbers = {f"{t}_{key}": value for key, value in known.items()} | self.columns(mean_NC, f"{t}_")
        return {
            f"{t}_label": self.label(mean_NC, answered_N),
            f"{t}_heard": self.heard.get(t, "audio"),
            f"{t}_n_draws": np.where(answered_N, self.draws[t].shape[1], 0),
            f"{t}_weight": self.weights[t],
            f"{t}_unmapped": np.zeros(self.n),
            **{key: pl.Series(np.where(answered_N, value, np.nan)).fill_nan(None) for key, value in numbers.items()},
        }

    def pseudo_labels(self) -> pl.DataFrame:
        ranked_NC = np.sort(np.hstack([np.zeros((self.n, 1)), self.fused_NC]), axis=1)
        columns = self.predictions(self.fused_NC).to_dict() | {
            "duration_s": self.rng.uniform(1, 9, size=self.n),
            "sha256": [f"{i:064x}" for i in range(self.n)],
            "reason": [None if ok else UNKNOWN_MI for ok in self.answered[self.teachers[0]]],
            "margin": ranked_NC[:, -1] - ranked_NC[:, -2],
        }
        for t in self.teachers:
            columns |= self.teacher_columns(t)
        return pl.DataFrame(columns)

    def predictions(self, probs_NC: FloatArray) -> pl.DataFrame:
        paths = [f"{clip_id}.wav" for clip_id in self.ids]
        columns = {
            "clip_id": self.ids,
            "path": paths,
            "label": self.label(probs_NC),
            "confidence": probs_NC.max(axis=1),
        }
        return pl.DataFrame(columns | self.columns(probs_NC))

    def clips(self) -> pl.DataFrame:
        bad = [f"{self.prefix}bad-{i}" for i in range(self.quarantined)]
        columns = {
            "clip_id": self.ids + bad,
            "path": [f"{clip_id}.wav" for clip_id in self.ids + bad],
            "duration_s": pl.Series([4.5] * self.n + [None] * len(bad), dtype=pl.Float64),
            "status": ["ok"] * self.n + ["quarantined"] * len(bad),
            "reason": [None] * self.n + [self.reasons[i % len(self.reasons)] for i in range(len(bad))],
        }
        return pl.DataFrame(columns, schema_overrides={"reason": pl.String})

    def curves(self, steps: int = 1200) -> pl.DataFrame:
        step, noise_S2 = np.arange(1, steps + 1), self.rng.normal(size=(steps, 2))
        decay = np.exp(-step / 300)
        ce, div = 1.05 + 0.33 * decay + 0.05 * noise_S2[:, 0], -1.4 * (1 - 0.3 * decay) + 0.02 * noise_S2[:, 1]
        tilt_SC = np.exp(np.linspace(1, 0, len(self.classes)) * decay[:, None])
        shares = {
            f"share_{name}": (tilt_SC / tilt_SC.sum(1, keepdims=True))[:, i] for i, name in enumerate(self.classes)
        }
        agreement = (0.9 - 0.25 * decay + 0.04 * noise_S2[:, 0]).clip(0, 1)
        losses = {"loss": ce + div, "loss_ce": ce, "loss_div": div}
        return pl.DataFrame({"step": step, **losses, "agreement": agreement, **shares})

    def metrics(self) -> dict[str, Any]:
        means = {t: np.where(self.answered[t][:, None], self.draws[t].mean(1), np.nan) for t in self.teachers}
        teachers = {"source" if t == "classifier" else t: probs_NC for t, probs_NC in means.items()}
        gold = [self.classes[i] for i in self.gold_N]
        return score_systems(gold, teachers | {"fused": self.fused_NC, "student": self.student_NC}, self.classes)

    def report_data(self) -> ReportData:
        pseudo_labels, predictions = self.pseudo_labels(), self.predictions(self.student_NC)
        return ReportData(
            pipeline="calls",
            classes=list(self.classes),
            teachers=list(self.teachers),
            clips=self.clips(),
            pseudo_labels=pseudo_labels,
            predictions=predictions,
            metrics=self.metrics() if self.has_gold else None,
            summary=summarise(pseudo_labels, predictions, self.teachers, self.classes),
            curves=self.curves() if self.has_curves else None,
            settings={"teachers": {"lalm": {"kind": "gemini", "draws": 5}}, "fuse": {"kind": "mutual_information"}},
            versions={"mifuse": "0.1.0", "torch": "2.13.0"},
            costs={"calls": 2000, "answered": 1941, "refused": 59, "input_tokens": 612_000, "cost_usd": 0.61},
        )


@pytest.fixture
def make_data() -> Callable[..., ReportData]:
    """The report's data for a run with the given number of clips, classes, teachers and so on."""
    return lambda **run: MadeUpRun(**run).report_data()
