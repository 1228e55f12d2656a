"""A made-up run, seeded: what the stages would hand to the evaluation, for any number of clips, classes and teachers."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks.evaluation.compare import score_systems
from tasks.evaluation.report import ReportData
from tasks.evaluation.summary import summarise

FloatArray = NDArray[np.float64]
CLASSES = ["angry", "happy", "neutral", "sad"]
SKILL = {"classifier": 0.8, "lalm": 0.95, "student": 1.3}  # added to the right class's logit


def draw_probs(rng: np.random.Generator, gold_N: NDArray[np.int64], c: int, k: int, skill: float, doubt: float) -> FloatArray:
    """K draws per clip, around a belief that leans to gold by `skill`; `doubt` is how much the draws differ."""
    belief_NC = rng.normal(size=(len(gold_N), c)) + skill * np.eye(c)[gold_N] + 0.5 * (np.arange(c) == 0)
    logits_NKC = 1.3 * belief_NC[:, None] + doubt * rng.normal(size=(len(gold_N), k, c))
    odds_NKC = np.exp(logits_NKC)
    return odds_NKC / odds_NKC.sum(axis=-1, keepdims=True)


def entropy(probs: FloatArray) -> FloatArray:
    return -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=-1)


def teacher_columns(name: str, draws_NKC: FloatArray, answered_N: NDArray[np.bool_], weight_N: FloatArray, classes: Sequence[str]) -> dict[str, object]:
    mean_NC = draws_NKC.mean(axis=1)
    mi_N = entropy(mean_NC) - entropy(draws_NKC).mean(axis=1)
    hidden = [name for name in classes]
    return {
        f"{name}_label": pl.Series([hidden[i] if ok else None for i, ok in zip(mean_NC.argmax(1), answered_N, strict=True)], dtype=pl.Enum(classes)),
        f"{name}_n_draws": np.where(answered_N, draws_NKC.shape[1], 0),
        f"{name}_mi": pl.Series(np.where(answered_N, np.maximum(mi_N, 0), np.nan)).fill_nan(None),
        f"{name}_entropy": pl.Series(np.where(answered_N, entropy(mean_NC), np.nan)).fill_nan(None),
        f"{name}_weight": weight_N,
        **{f"{name}_p_{c}": pl.Series(np.where(answered_N, mean_NC[:, i], np.nan)).fill_nan(None) for i, c in enumerate(classes)},
    }


def make_curves(rng: np.random.Generator, classes: Sequence[str], steps: int = 1200) -> pl.DataFrame:
    step = np.arange(1, steps + 1)
    ce = 1.05 + 0.33 * np.exp(-step / 250) + 0.05 * rng.normal(size=steps)
    div = -np.log(len(classes)) * (1 - 0.3 * np.exp(-step / 300)) + 0.02 * rng.normal(size=steps)
    tilt_SC = np.linspace(1, 0, len(classes)) * np.exp(-step / 200)[:, None] + 0.03 * rng.normal(size=(steps, len(classes)))
    shares = np.exp(tilt_SC) / np.exp(tilt_SC).sum(axis=1, keepdims=True)
    agreement = 0.9 - 0.25 * np.exp(-step / 300) + 0.05 * rng.normal(size=steps)
    return pl.DataFrame(
        {"step": step, "loss": ce + div, "loss_ce": ce, "loss_div": div, "agreement": agreement.clip(0, 1)}
        | {f"share_{c}": shares[:, i] for i, c in enumerate(classes)}
    )


def make_report_data(
    n: int = 400,
    classes: Sequence[str] = CLASSES,
    teachers: Sequence[str] = ("lalm", "classifier"),
    quarantined: int = 3,
    has_gold: bool = True,
    has_curves: bool = True,
    student_skill: float = SKILL["student"],
    prefix: str = "calls/2026-",
) -> ReportData:
    rng = np.random.default_rng(7)
    c = len(classes)
    gold_N = rng.choice(c, size=n, p=np.linspace(1, 2, c) / np.linspace(1, 2, c).sum())
    ids = [f"{prefix}{i:06d}" for i in range(n)]
    answered = {t: rng.random(n) > (0.03 if t == "lalm" else 0) for t in teachers}
    draws = {t: draw_probs(rng, gold_N, c, 8 if t == "classifier" else 5, SKILL.get(t, 0.7), 0.2 if t == "classifier" else 0.9) for t in teachers}
    mi_TN = np.stack([entropy(d.mean(1)) - entropy(d).mean(1) for d in draws.values()])
    odds_TN = np.exp(-mi_TN) * np.stack([answered[t] for t in teachers])
    weights_TN = odds_TN / odds_TN.sum(axis=0)
    fused_NC = sum(w[:, None] * d.mean(1) for w, d in zip(weights_TN, draws.values(), strict=True))
    ranked_NC = np.sort(fused_NC, axis=1)
    pseudo_labels = pl.DataFrame(
        {
            "clip_id": ids,
            "path": [f"{i}.wav" for i in ids],
            "duration_s": rng.uniform(1, 9, size=n),
            "sha256": [f"{i:064x}" for i in range(n)],
            "reason": [None if ok else "fewer than 2 valid lalm draws: fused from the classifier alone" for ok in answered[teachers[0]]],
            "label": pl.Series([classes[i] for i in fused_NC.argmax(1)], dtype=pl.Enum(classes)),
            "confidence": fused_NC.max(1),
            "margin": ranked_NC[:, -1] - (ranked_NC[:, -2] if c > 1 else 0),
            "agreement": rng.random(n),
        }
        | {f"p_{name}": fused_NC[:, i] for i, name in enumerate(classes)}
    ).hstack(
        pl.DataFrame({k: v for t, w in zip(teachers, weights_TN, strict=True) for k, v in teacher_columns(t, draws[t], answered[t], w, classes).items()})
    )
    student_NC = draw_probs(rng, gold_N, c, 1, student_skill, 0.0)[:, 0]
    predictions = pl.DataFrame(
        {"clip_id": ids, "path": [f"{i}.wav" for i in ids], "label": pl.Series([classes[i] for i in student_NC.argmax(1)], dtype=pl.Enum(classes)), "confidence": student_NC.max(1)}
        | {f"p_{name}": student_NC[:, i] for i, name in enumerate(classes)}
    )
    reasons = ["silent: −92 dBFS", "not readable as audio: unknown format", "shorter than 0.3 s: 0.11 s"]
    clips = pl.DataFrame(
        {
            "clip_id": ids + [f"bad-{i}" for i in range(quarantined)],
            "path": [f"{i}.wav" for i in ids] + [f"bad-{i}.wav" for i in range(quarantined)],
            "duration_s": pl.Series([*pseudo_labels["duration_s"], *[None] * quarantined], dtype=pl.Float64),
            "status": ["ok"] * n + ["quarantined"] * quarantined,
            "reason": pl.Series([None] * n + [reasons[i % 3] for i in range(quarantined)], dtype=pl.String),
        }
    )
    probs = {("source" if t == "classifier" else t): np.where(answered[t][:, None], draws[t].mean(1), np.nan) for t in teachers}
    probs |= {"fused": fused_NC, "student": student_NC}
    return ReportData(
        pipeline="calls",
        classes=list(classes),
        teachers=list(teachers),
        clips=clips,
        pseudo_labels=pseudo_labels,
        predictions=predictions,
        metrics=score_systems([classes[i] for i in gold_N], probs, classes) if has_gold else None,
        summary=summarise(pseudo_labels, predictions, teachers, classes),
        curves=make_curves(rng, classes) if has_curves else None,
        settings={"classes": list(classes), "teachers": {"lalm": {"kind": "gemini", "draws": 5}}, "fuse": {"kind": "mutual_information"}},
        versions={"mifuse": "0.1.0", "torch": "2.13.0", "gemini": "gemini-2.5-flash-001"},
        costs={"calls": 2000, "answered": 1941, "refused": 41, "unparsable": 12, "failed": 6, "input_tokens": 612_000, "output_tokens": 91_000, "cost_usd": 0.61},
    )


@pytest.fixture
def make_data() -> Callable[..., ReportData]:
    return make_report_data
