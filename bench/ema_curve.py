"""Classifier-only training with and without the moving average: UA per step, for reading only.

python -m bench.ema_curve [--encoder logmel] [--seeds 3] [--figure docs/ema-curve.svg]

The trainer with `fuse: {kind: single, teacher: classifier}` on every ordered pair of the corpora in --data, once with
`ema: 0.999` and once with `ema: 0`. Needs the classifiers that `python -m bench.source_ua` leaves in --cache.
"""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path

import click
import numpy as np
import polars as pl
from numpy.typing import NDArray

import flows.quiet  # noqa: F401
from bench.tables import Table

_EMAS = (0.999, 0.0)
Curve = dict[int, float]  # step → UA


@click.command(help=__doc__)
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
@click.option("--encoder", default="logmel", show_default=True, help="As in the names of the classifiers.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--steps", default=1500, show_default=True)
@click.option("--diversity", default=1.0, show_default=True, help="The other term of the loss.")
@click.option("--figure", type=click.Path(path_type=Path, dir_okay=False))
def main(data: Path, cache: Path, encoder: str, seeds: int, steps: int, diversity: float, figure: Path | None) -> None:
    corpora = sorted(folder.name for folder in data.glob("*") if (folder / "manifest.csv").is_file())
    pairs = list(itertools.permutations(corpora, 2))
    found = {
        (pair, ema): _mean_curve(
            [
                _curve(data.absolute() / pair[1], _classifier(cache, pair[0], encoder, seed), cache, ema, seed, steps,
                       diversity)
                for seed in range(seeds)
            ]
        )
        for pair in pairs
        for ema in _EMAS
    }  # fmt: skip
    table = Table(
        f"UA in percent, classifier-only, {encoder}, mean of {seeds} seeds: at the start, best on the way, at the end",
        ["transfer", *(f"ema {ema:g}: {which}" for ema in _EMAS for which in ("start", "best (its step)", "end"))],
    )
    for pair in pairs:
        table.rows.append([" → ".join(pair), *(cell for ema in _EMAS for cell in _told(found[pair, ema]))])
    means = {ema: _mean_curve([found[pair, ema] for pair in pairs]) for ema in _EMAS}
    table.rows.append(["mean", *(cell for ema in _EMAS for cell in _told(means[ema]))])
    print(table.markdown())
    if figure:
        _draw(figure, means, {ema: [found[pair, ema] for pair in pairs] for ema in _EMAS})


def _classifier(cache: Path, source: str, encoder: str, seed: int) -> Path:
    folder = cache / "classifiers" / f"source-{source}-{encoder}-{seed}"
    if not (folder / "config.json").is_file():
        raise click.ClickException(f"{folder}: no classifier there. Run `python -m bench.source_ua` first.")
    return folder


def _told(curve: Curve) -> list[str]:
    best = max(curve, key=lambda step: curve[step])
    start, end = curve[min(curve)], curve[max(curve)]
    return [f"{100 * start:.1f}", f"{100 * curve[best]:.1f} ({best})", f"{100 * end:.1f}"]


def _mean_curve(curves: list[Curve]) -> Curve:
    return {step: statistics.fmean(curve[step] for curve in curves) for step in curves[0]}


def _curve(target: Path, classifier: Path, cache: Path, ema: float, seed: int, steps: int, diversity: float) -> Curve:
    import torch

    from tasks.encoders.features import AudioFile, Means
    from tasks.fusion.single import SingleRule
    from tasks.networks.folder import load_classifier
    from tasks.networks.heard import features_for
    from tasks.networks.passes import dropout_passes
    from tasks.storage.files import sha256_of_file
    from tasks.students.base import TrainingData
    from tasks.students.mi_fuse import MIFuseSettings

    head, config = load_classifier(classifier)
    rows = pl.read_csv(target / "manifest.csv")
    files = [AudioFile(sha256_of_file(target / p), target / p, d) for p, d in rows["path", "duration_s"].iter_rows()]
    heard = features_for(config, files, cache.absolute() / "features").rows(range(len(files)))
    with torch.inference_mode():
        drawn_NKC = dropout_passes(head, heard, [file.sha256 for file in files], draws=8, seed=seed)
    rule = SingleRule(teacher="classifier").fit([], ["classifier"])
    data = TrainingData(Means(heard.means_BLD()), drawn_NKC.mean(dim=1).float().clone(), [None], rule, 8)
    settings = MIFuseSettings(recipe="paper", ema=ema, seed=seed, steps=steps, diversity=diversity)
    student = settings.train(head, data, config.classes, None, lambda point: None, lambda n: None)
    assert student.named is not None
    gold_M = np.array([config.classes.index(label) for label in rows["label"]])[student.named.rows_M.numpy()]
    looks = zip(student.named.steps, student.named.classes_PM.numpy(), strict=True)
    return {step: _ua(gold_M, named_M) for step, named_M in looks}


def _ua(gold_M: NDArray[np.int64], named_M: NDArray[np.uint8]) -> float:
    return float(np.mean([(named_M[gold_M == c] == c).mean() for c in np.unique(gold_M)]))


def _draw(path: Path, means: dict[float, Curve], each: dict[float, list[Curve]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.2), layout="constrained")
    ax = figure.add_subplot()
    for line_colour, (ema, mean) in zip(("#2f6690", "#ee6677"), means.items(), strict=True):
        for curve in each[ema]:
            ax.plot(list(curve), [100 * ua for ua in curve.values()], color=line_colour, alpha=0.25, linewidth=0.8)
        label = f"ema {ema:g}" if ema else "no moving average"
        ax.plot(list(mean), [100 * ua for ua in mean.values()], color=line_colour, label=label, linewidth=2)
    ax.set_title("Classifier-only: UA on the target, each transfer and the mean", fontsize=9, loc="left")
    ax.set(xlabel="step", ylabel="UA, percent (for reading only)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
