"""What `mifuse train-source` says of its clips and of what it made, line by line."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.students.source import Run, SourceClassifier
    from tasks.students.source_clips import LabelledClips

_MOST_NAMES = 4


def told_clips(clips: LabelledClips, classes: Sequence[str]) -> str:
    """For example "240 clips of 12 speakers: angry 60, happy 60, neutral 60, sad 60"."""
    counts_C = clips.labels_N.bincount(minlength=len(classes)).tolist()
    counts = ", ".join(f"{name} {count:,}" for name, count in zip(classes, counts_C, strict=True))
    return f"{len(clips):,} clips{_told_speakers(clips.speakers)}: {counts}"


def _told_speakers(speakers: Sequence[str]) -> str:
    known, unknown = len(set(speakers) - {""}), list(speakers).count("")
    if not known:
        return ""
    rest = f" and {unknown:,} of unknown ones, taken for one speaker more" if unknown else ""
    return f" of {known:,} {'speaker' if known == 1 else 'speakers'}{rest}"


def told_training(made: SourceClassifier, clips: LabelledClips, classes: Sequence[str], epochs: int) -> Iterator[str]:
    """The runs, what they come to together, and what became of the best of them."""
    for run in made.runs:
        yield _told_run(run, clips, classes, epochs)
    if len(made.runs) > 1:
        uas = [run.ua for run in made.runs]
        spread = f"{statistics.fmean(uas):.1%} ± {100 * statistics.stdev(uas):.1f}"
        yield f"{len(uas)} seeds: UA {spread}; kept: seed {made.kept.seed}"
    if made.on_all_clips:
        yield f"trained again on all {len(clips):,} clips, for {_epochs(made.kept.best_epoch)}"
    else:
        yield f"kept as it was after {_epochs(made.kept.best_epoch)}; the clips held out were not learnt from"


def _told_run(run: Run, clips: LabelledClips, classes: Sequence[str], epochs: int) -> str:
    split, ua = run.split, f"UA {run.ua:.1%}"
    if split.speakers is None:
        held_out = f"{len(split.held_out):,} clips held out, not whole speakers, for {split.why}"
        ua += " (too high for other voices)"
    else:
        held_out = f"{_names(split.speakers)} held out ({len(split.held_out):,} clips)"
    absent = sorted(set(range(len(classes))) - set(clips.labels_N[split.held_out].tolist()))
    without = f", without {', '.join(classes[n] for n in absent)}, of which no clip is held out" if absent else ""
    when = f"best after {_epochs(run.best_epoch)}, stopped after {run.epochs} of {epochs}"
    return f"seed {run.seed}: {held_out}; {ua}{without}; {when}"


def _names(speakers: Sequence[str]) -> str:
    if len(speakers) > _MOST_NAMES:
        return f"{len(speakers)} speakers"
    named = ", ".join(name or "the unknown" for name in speakers)
    return f"{'speaker' if len(speakers) == 1 else 'speakers'} {named}"


def _epochs(count: int) -> str:
    return f"{count} epoch" if count == 1 else f"{count} epochs"
