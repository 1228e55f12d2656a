"""The systems that are compared, teachers first, the student last: their order, their titles, who is a teacher."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

FUSED, STUDENT, ORACLE = "fused", "student", "oracle"

# The classifier teacher is `source` in metrics.json and `classifier` in the tables; its reader need not know.
_TITLES = {
    "source": "source classifier",
    "classifier": "source classifier",
    "lalm": "LALM",
    FUSED: "fused, no training",
    STUDENT: "student",
    ORACLE: "oracle of the teachers",
}
_RANK = {"source": 0, "classifier": 0, "lalm": 1, FUSED: 3, STUDENT: 4, ORACLE: 5}


def system_title(name: str) -> str:
    """What a reader calls the system.

    >>> system_title("lalm"), system_title("my-wavlm")
    ('LALM', 'my-wavlm')
    """
    return _TITLES.get(name, name)


def marked_title(name: str, row: Mapping[str, Any]) -> str:
    """The title in a table of results, with what a reader must know of the row.

    That is: a teacher that read about the clips instead of hearing them, and a source classifier that is not as its
    source left it, since its features are standardised by the target's statistics.

    >>> marked_title("lalm", {"heard": "text proxy"}), marked_title("lalm", {})
    ('LALM (text proxy)', 'LALM')
    >>> marked_title("source", {"standardise": "target"})
    'source classifier (target statistics)'
    """
    marks = [row["heard"]] if row.get("heard", "audio") != "audio" else []
    marks += ["target statistics"] if row.get("standardise", "source") == "target" else []
    return f"{system_title(name)} ({', '.join(marks)})" if marks else system_title(name)


def in_order(names: Iterable[str]) -> list[str]:
    """Source classifier, LALM, further teachers as given, fused, student, oracle.

    >>> in_order(["student", "gpt", "lalm", "classifier"])
    ['classifier', 'lalm', 'gpt', 'student']
    """
    return sorted(names, key=lambda name: _RANK.get(name, 2))


def teachers_of(names: Iterable[str]) -> list[str]:
    """The teachers among the systems: whatever is neither fused, nor the student, nor the oracle."""
    return [name for name in in_order(names) if name not in (FUSED, STUDENT, ORACLE)]


def text_proxies(labels: pl.DataFrame, teachers: Sequence[str]) -> list[str]:
    """The teachers that read about the clips and heard none of them."""
    return [teacher for teacher in teachers if (labels[f"{teacher}_heard"] == "text proxy").any()]


def compared(names: Iterable[str]) -> list[str]:
    """The systems that compete: all but the oracle, which knows gold."""
    return [name for name in in_order(names) if name != ORACLE]


def count_clips(n: int) -> str:
    """In words and figures.

    >>> count_clips(1), count_clips(1200)
    ('1 clip', '1,200 clips')
    """
    return f"{n:,} clip{'' if n == 1 else 's'}"
