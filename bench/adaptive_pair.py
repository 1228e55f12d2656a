"""One transfer of `bench.adaptive`: both teachers' draws in, what comes of some of them out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.adaptive_table import Run
from flows.place import Place
from tasks.contracts.tables import p_columns
from tasks.evaluation.metrics import score
from tasks.fusion.base import Draws
from tasks.fusion.enough_draws import ask_another
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.maths.uncertainty import mutual_information
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.draws import read_draws

CLASSES = ["angry", "happy", "neutral", "sad"]
LEAST, MOST = 2, 5


@dataclass
class Pair:
    """One transfer with one seed, both teachers' draws ready."""

    place: Place
    name: str
    seed: int
    rule: MutualInformationRule
    students: bool

    def __post_init__(self) -> None:
        self._clips = read_usable_clips(self.place.shown("clips.parquet"))
        self._sha256s: list[str] = each_audio_once(self._clips)["sha256"].to_list()
        asked = Draws(*read_draws(self.place.draws()["lalm"], self._sha256s, CLASSES))
        first = MOST * self.seed
        self._lalm = Draws(asked.probs_NKC[:, first : first + MOST], asked.valid_NK[:, first : first + MOST])
        self._classifier = Draws(*read_draws(self.place.draws()["classifier"], self._sha256s, CLASSES))
        self._true_mi_N, self._corrected_mi_N = _mutual_information(asked)

    def choices(self, stops: tuple[float, ...]) -> dict[str, NDArray[np.int_]]:
        """Name → how many draws each clip gets."""
        fixed = {f"N = {k}": np.full(len(self._sha256s), k) for k in range(MOST, LEAST - 1, -1)}
        return fixed | {f"stop {stop:g}": self._adaptive(stop) for stop in stops}

    def _adaptive(self, stop: float) -> NDArray[np.int_]:
        kept_N = np.full(len(self._sha256s), LEAST)
        for k in range(LEAST, MOST):
            so_far = Draws(self._lalm.probs_NKC[:, :k], self._lalm.valid_NK[:, :k])
            kept_N += ask_another(so_far, self._classifier, least=LEAST, most=MOST, stop=stop)
        return kept_N

    def run(self, name: str, kept_N: NDArray[np.int_]) -> Run:
        """Fuses and trains as the pipeline would with these draws alone."""
        work = self.place.shared("work") / f"{self.place.name}-{name.replace(' ', '')}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        draws = {"lalm": self._cut(kept_N, work / "lalm.parquet"), "classifier": self.place.draws()["classifier"]}
        labels = self._fuse(draws, work)
        valid_NK = self._lalm.valid_NK & (np.arange(MOST) < kept_N[:, None])
        mi_N, corrected_mi_N = _mutual_information(Draws(self._lalm.probs_NKC, valid_NK))
        gold = labels.join(self._clips.select("clip_id", "gold_label"), on="clip_id", maintain_order="left")
        run = Run(
            pair=self.name,
            draws=name,
            paid=float(kept_N.mean()),
            mi_bias=float(np.nanmean(mi_N - self._true_mi_N)),
            corrected_bias=float(np.nanmean(corrected_mi_N - self._corrected_mi_N)),
            labels=labels["label"].to_list(),
            fused_ua=score(gold["gold_label"].to_list(), gold.select(p_columns(CLASSES)).to_numpy(), CLASSES).ua,
            student_ua=self._student_ua(draws, gold, work) if self.students else None,
        )
        shutil.rmtree(work)
        return run

    def _cut(self, kept_N: NDArray[np.int_], out: Path) -> Path:
        """The LALM's table as if no more had been asked."""
        kept = pl.DataFrame({"sha256": self._sha256s, "kept": kept_N})
        table = pl.read_parquet(self.place.draws()["lalm"]).with_columns(pl.col("draw") - MOST * self.seed)
        table = table.join(kept, on="sha256", maintain_order="left")
        table.filter((pl.col("draw") >= 0) & (pl.col("draw") < pl.col("kept"))).drop("kept").write_parquet(out)
        return out

    def _fuse(self, draws: dict[str, Path], work: Path) -> pl.DataFrame:
        from tasks.fuse_labels import fuse_labels

        out = work / "pseudo_labels.parquet"
        fuse_labels.fn(self.rule, CLASSES, self.place.shown("clips.parquet"), draws, {}, out)
        return pl.read_parquet(out)

    def _student_ua(self, draws: dict[str, Path], gold: pl.DataFrame, work: Path) -> float:
        from tasks.encoders.features import AudioFile
        from tasks.networks.predict import predict_files
        from tasks.train_student import train_student

        settings, features = self.place.settings, self.place.shared("features")
        files: dict[str, Any] = {"folder": settings.clips.folder, "draws": draws, "features": features, "work": work}
        train_student.fn(
            student=settings.student,
            rule=self.rule,
            classifier=settings.classifier,
            classifier_name="classifier",
            pseudo_labels=work / "pseudo_labels.parquet",
            out=work / "student",
            **files,
        )
        rows = gold.select("sha256", "path", "duration_s").iter_rows()
        audio = [AudioFile(sha256, settings.clips.folder / path, duration_s) for sha256, path, duration_s in rows]
        probs_NC, classes = predict_files(work / "student", audio, features)
        return score(gold["gold_label"].to_list(), probs_NC, classes).ua


def _mutual_information(draws: Draws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As it is, and with `bias_correction`."""
    mi_N = mutual_information(draws.probs_NKC, draws.valid_NK)
    count_N = draws.valid_NK.sum(axis=1)
    return mi_N, mi_N * count_N / np.maximum(count_N - 1, 1)
