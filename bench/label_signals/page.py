"""The checks as a page of docs/label-signals with two figures; what they mean is written by hand beside it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

from bench.label_signals.checking import ACROSS, SNRS_DB, WITHIN, Check, Checked, noise
from bench.label_signals.drawing import draw_projection, draw_trajectories
from bench.label_signals.variants import NONE, WHOLE
from bench.tables import Table
from bench.transfers.board import Board
from bench.transfers.bootstrap import Sampled
from bench.transfers.kept import Result
from bench.transfers.table import main_table
from tasks.storage.files import replacing

Done = Mapping[Check, Checked]


def write_page(done: Done, folder: Path) -> str:
    """Writes HEARD.md and figures/HEARD-*.svg; gives the text."""
    stem = heard_by(next(iter(done)))
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    scenes = [WITHIN, ACROSS] if next(iter(done)).others else [WITHIN]
    parts = [_head(done), *(_ua(done, scene).markdown() for scene in scenes), _noise(done).markdown()]
    parts.append(_vectors(done).markdown())
    if draw_trajectories(done, figures / f"{stem}-embeddings.svg"):
        parts.append(f"![Label embeddings over the epochs](figures/{stem}-embeddings.svg)")
    draw_projection(done, (NONE, WHOLE), figures / f"{stem}-projection.svg")
    parts.append(f"![Pooled vectors by t-SNE](figures/{stem}-projection.svg)")
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    with replacing(folder / f"{stem}.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def heard_by(check: Check) -> str:
    """For names of files.

    >>> from bench.label_signals.variants import VARIANTS
    >>> heard_by(Check(Path("emodb"), (), "/models/whisper", True, 0, VARIANTS[0]))
    'whisper-frames'
    """
    name = Path(check.encoder or "logmel").name
    return f"{name}-{'frames' if check.frames else 'means'}"


def _head(done: Done) -> str:
    first = next(iter(done))
    corpora = list(dict.fromkeys(check.corpus.name for check in done))
    seeds = len({check.seed for check in done})
    encoder = f" --encoder FOLDER_OF_{heard_by(first).rpartition('-')[0].upper()}" if first.encoder else ""
    means = " --means" if first.encoder and not first.frames else ""
    command = f"python -m bench.label_signals{encoder}{means} --corpora {','.join(corpora)} --seeds {seeds}"
    return (
        f"# The label-signal head's parts: {heard_by(first).replace('-', ' ')}\n\n```sh\n{command}\n```\n\n"
        f"{seeds} seed{'s' * (seeds > 1)} (split, start, order). UA in percent; intervals: 95 %, bootstrap over "
        "speakers; p: Holm-corrected over the rows. Development corpora."
    )


def _results(done: Done, scene: str) -> list[Result]:
    return [result for checked in done.values() for result in checked.results if result.scene == scene]


def _ua(done: Done, scene: str) -> Table:
    table = main_table(Board(_results(done, scene)), WHOLE)
    table.title = f"UA, {scene}"
    return without(table, "gap recovered")


def without(table: Table, column: str) -> Table:
    """The table less one column.

    >>> without(Table("t", ["a", "b"], [["1", "2"]]), "a").rows
    [['2']]
    """
    at = list(table.header).index(column)
    table.header = [*table.header[:at], *table.header[at + 1 :]]
    table.rows = [[*row[:at], *row[at + 1 :]] for row in table.rows]
    return table


def _noise(done: Done) -> Table:
    """Means over the corpora."""
    scenes = {"none": WITHIN} | {f"{snr_db} dB": noise(snr_db) for snr_db in SNRS_DB}
    boards = {name: Board(_results(done, scene)) for name, scene in scenes.items()}
    table = Table("UA of other speakers with noise on the features [95 %]", ["method", *boards])
    for method in boards["none"].methods:
        table.rows.append([method, *(_with_interval(board.mean(method)) for board in boards.values())])
    table.notes = [
        "Gaussian, on each frame and feature by itself; at 0 dB as loud as that feature's spread over the clips. The "
        "same noise for all rows; none of them was trained with any."
    ]
    return table


def _vectors(done: Done) -> Table:
    """Means over corpora and seeds."""
    header = ["method", "silhouette (range)", "length at the end", "cosine to start", "cosine of two classes"]
    table = Table("Pooled vectors of other speakers, and the label embeddings when training is over", header)
    for name in dict.fromkeys(check.variant.name for check in done):
        of = [checked for check, checked in done.items() if check.variant.name == name]
        separations = [one.separation for one in of]
        told = f"{statistics.fmean(separations):.3f} ({min(separations):.3f}–{max(separations):.3f})"
        ends = [(one.norms[-1], one.stays[-1], one.between[-1]) for one in of if one.norms]
        last = [f"{statistics.fmean(figures):.4f}" for figures in zip(*ends, strict=True)] or ["–"] * 3
        table.rows.append([name, told, *last])
    table.notes = ["Silhouette (Rousseeuw 1987): −1 to 1, by gold; 1: each emotion a cluster of its own."]
    return table


def _with_interval(figure: Sampled) -> str:
    low, high = figure.interval
    return f"{figure.value:.1f} [{low:.1f}, {high:.1f}]"
