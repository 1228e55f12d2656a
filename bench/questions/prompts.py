"""How much does the student depend on the wording? UA under three prompts that mean the same, and all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.questions.asked import Answer, Asked
from bench.questions.wordings import WORDINGS, Worded, uas_of
from bench.tables import Table
from bench.transfers.lalm import Lalm
from bench.transfers.matrix import Part, cells
from bench.transfers.methods import chosen
from bench.transfers.planning import results_of

METHODS = ("LALM", "LALM-only", "paper", "best")
_ASKED = Lalm("third")
_HOW = [*range(WORDINGS), None]
_SAID = """\
Three wordings of one prompt, each of which shifts all logits of the LALM (`third`) by numbers of its own (normal, one
nat, the same for all clips); five draws of one wording alone, or of the three in turn (draws 1 and 4 the first, 2 and 5
the second, 3 the third). Spread is the largest minus the smallest UA of the three, each the mean over the seeds; the
mean over the transfers."""


def answer(asked: Asked) -> Answer:
    """Every transfer, each wording alone and all in turn."""
    results_of([Part(asked.scene(_ASKED), asked.seeds, ("LALM",))], asked.data)  # trains what is missing
    every = cells(asked.scene(_ASKED), asked.data.corpora, asked.data.pairs, asked.seeds)
    methods, missing = chosen(METHODS)
    if missing:
        raise ValueError(f"not available: {'; '.join(missing)}")
    worded = [Worded(cell, method, how) for method in methods for cell in every for how in _HOW]
    uas = np.array(uas_of(worded, asked.data.cache)).reshape(len(methods), -1, asked.seeds, len(_HOW))
    transfers = list(dict.fromkeys(cell.transfer for cell in every))
    names = [method.name for method in methods]
    by_method = dict(zip(names, uas.mean(axis=2), strict=True))
    return Answer(
        "Three prompts that mean the same", _SAID, [table_of(by_method), transfer_table(by_method, transfers)]
    )


def table_of(uas: dict[str, NDArray[np.float64]]) -> Table:
    """Per method; `uas` are shape (transfers, wordings and all in turn)."""
    header = ["method", *(f"prompt {w + 1}" for w in range(WORDINGS)), "mean of the three", "spread", "all in turn"]
    table = Table("UA, mean over the transfers", [*header, "in turn − mean"])
    for name, ua_TW in uas.items():
        alone_TW, mixed_T = ua_TW[:, :WORDINGS], ua_TW[:, WORDINGS]
        spread = float(np.mean(np.ptp(alone_TW, axis=1)))
        figures = [*alone_TW.mean(axis=0), alone_TW.mean(), spread, mixed_T.mean()]
        table.rows.append([name, *(f"{f:.1f}" for f in figures), f"{mixed_T.mean() - alone_TW.mean():+.1f}"])
    return table


def transfer_table(uas: dict[str, NDArray[np.float64]], transfers: Sequence[str]) -> Table:
    """Spread per transfer, and what asking in turn adds to the mean of the three."""
    table = Table("Spread (in turn − mean), per transfer", ["method", *transfers])
    for name, ua_TW in uas.items():
        spread_T = np.ptp(ua_TW[:, :WORDINGS], axis=1)
        added_T = ua_TW[:, WORDINGS] - ua_TW[:, :WORDINGS].mean(axis=1)
        table.rows.append([name, *(f"{s:.1f} ({a:+.1f})" for s, a in zip(spread_T, added_T, strict=True))])
    return table
