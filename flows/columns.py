"""Columns, counts and sizes for a person to read."""

from __future__ import annotations

from collections.abc import Sequence


def in_columns(rows: Sequence[Sequence[str]], right: str) -> str:
    """Rows of cells, the first of them titles; the columns whose titles are in `right` stand to the right.

    >>> print(in_columns([["model", "answers"], ["m", "1,200"], ["long name", "7"]], right="answers"))
      model      answers
      m            1,200
      long name        7
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    to_right = [title in right.split() for title in rows[0]]
    padded = (
        [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, to_right, strict=True)]
        for row in rows
    )
    return "\n".join(f"  {'  '.join(cells)}".rstrip() for cells in padded)


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and what is counted.

    >>> counted(1, "answer"), counted(2_000, "answer"), counted(0, "entry", "entries")
    ('1 answer', '2,000 answers', '0 entries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def told_bytes(size: int) -> str:
    """In decimal units.

    >>> [told_bytes(size) for size in (0, 999, 1_500, 12_345_678, 3_000_000_000_000)]
    ['0 B', '999 B', '1.5 kB', '12.3 MB', '3,000.0 GB']
    """
    if size < 1000:
        return f"{size} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6)):
        if size < 1000 * factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1e9:,.1f} GB"
