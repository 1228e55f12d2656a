"""The table that a terminal shows after a run: the metrics or, without gold, what can be said anyway."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.evaluation.systems import compared, count_clips, marked_title

_COLUMNS = {"UA": "ua", "WA": "wa", "macro-F1": "macro_f1", "ECE": "ece", "coverage": "coverage"}


def format_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Each system's scores in percent, the best UA marked.

    >>> row = {"ua": 0.4, "wa": 0.5, "macro_f1": 0.35, "ece": None, "coverage": 1.0, "n": 1200}
    >>> print(format_table({"lalm": row, "student": row | {"ua": 0.5, "ece": 0.12}}))
               UA     WA  macro-F1   ECE  coverage      n
    LALM     40.0   50.0      35.0     –     100.0  1,200
    student  50.0*  50.0      35.0  12.0     100.0  1,200
    percent; * best UA
    """
    best = max(metrics[name]["ua"] for name in compared(metrics))
    rows = [["", *_COLUMNS, "n"]]
    for name in compared(metrics):
        cells = [_percent(metrics[name][key]) for key in _COLUMNS.values()]
        cells[0] += "*" if metrics[name]["ua"] == best else " "
        rows.append([marked_title(name, metrics[name]), *cells, f"{metrics[name]['n']:,}"])
    rows[0][1] += " "  # over the figures, not over the mark
    return f"{_align(rows)}\npercent; * best UA"


def format_summary(summary: Mapping[str, Any]) -> str:
    """The same without gold: class shares, confidence and agreement in percent. None of them says who is right."""
    names = compared(summary["systems"])
    classes = list(summary["systems"][names[0]]["class_shares"])
    rows = [["", *classes, "confidence", "coverage", *(f"={i}" for i in range(1, len(names) + 1))]]
    for i, name in enumerate(names, start=1):
        system, agreements = summary["systems"][name], summary["agreement"]["pairs"][name]
        shares = [_percent(system["class_shares"][c]) for c in classes]
        described = [_percent(system["mean_confidence"]), _percent(system["coverage"])]
        agreed = [_percent(agreements.get(n)) for n in names]
        rows.append([f"{i} {marked_title(name, system)}", *shares, *described, *agreed])
    note = "=1: names the same class as 1. Without gold labels there is no accuracy."
    return f"{_align(rows)}\npercent of {count_clips(summary['n'])}; {note}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Titles to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))] for row in rows
    )
    return "\n".join("  ".join(cells).rstrip() for cells in lines)
