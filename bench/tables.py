"""Tables for a terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """`rows` are texts, as many in each as `header` has."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Columns are padded, so that it can be read as it is."""
        widths = [max(len(str(row[at])) for row in [self.header, *self.rows]) for at in range(len(self.header))]
        lines = [self.header, ["-" * width for width in widths], *self.rows]
        told = [
            "| " + " | ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)) + " |" for line in lines
        ]
        return "\n".join([f"### {self.title}", "", *told, "", *self.notes])


def verdict(value: float, target: float, at_least: bool = True, digits: int = 2) -> str:
    """A figure beside its target.

    >>> verdict(0.931, 0.9)
    '0.93 (target ≥ 0.90: kept)'
    """
    kept = value >= target if at_least else value <= target
    return f"{value:.{digits}f} (target {'≥' if at_least else '≤'} {target:.{digits}f}: {'kept' if kept else 'MISSED'})"
