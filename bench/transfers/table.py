"""The Markdown that `bench.transfers` writes: tables like the paper's 1 and 2, from results alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.tables import Table
from bench.transfers.board import ORACLE, Board
from bench.transfers.bootstrap import Sampled, holm
from bench.transfers.kept import Result

_ALLOWED = 1.0  # points that a student may be below the better teacher
_NO_RIVALS = (ORACLE, "ceiling")  # they know gold
_ORDERED = ("best", "paper", "equal", "entropy", "kl_gated", "product_of_experts", "LALM-only", "classifier-only")


def markdown(results: Sequence[Result], against: str) -> str:
    """Three tables per scene."""
    boards = [Board([r for r in results if r.scene == scene]) for scene in dict.fromkeys(r.scene for r in results)]
    return "\n\n".join(part for board in boards for part in _of_scene(board, against)) + "\n"


def _of_scene(board: Board, against: str) -> list[str]:
    parts = [f"## {board.scene}", f"{len(board.seeds)} seeds. {_NOTE}", main_table(board, against).markdown()]
    parts.append(order(board))
    if board.has_teachers():
        parts.append(_teachers(board).markdown())
    return parts


_NOTE = (
    "UA in percent, mean over the seeds. Intervals: 95 %, bootstrap over the speakers within each target; all methods "
    "meet the same speakers. p: two-sided by the same bootstrap, Holm-corrected over the rows."
)


def main_table(board: Board, against: str) -> Table:
    """A row per method; `against` is the one that the others are compared with."""
    whole = [m for m in board.methods if all((m, t) in board.ua for t in board.transfers)]
    reference = board.mean(against) if against in whole else None
    header = [
        "method",
        *board.transfers,
        "mean UA [95 %]",
        f"− {against} [95 %]",
        "p (Holm)",
        "gap recovered",
        "mean WA",
    ]
    table = Table("UA per transfer", header)
    compared = [m for m in whole if reference is not None and m not in (against, *_NO_RIVALS)]
    differences = {m: board.mean(m) - reference for m in compared if reference is not None}
    adjusted = dict(zip(compared, holm([differences[m].p for m in compared]), strict=True))
    for method in board.methods:
        cells = [_value(board.ua.get((method, transfer))) for transfer in board.transfers]
        if method not in whole:
            table.rows.append([method, *cells, *["–"] * 5])
            continue
        gap = board.gap_recovered(method)
        table.rows.append(
            [
                method,
                *cells,
                _with_interval(board.mean(method)),
                _with_interval(differences[method], "+") if method in differences else "–",
                _p(adjusted[method]) if method in adjusted else "–",
                "–" if gap is None else f"{gap:+.0%}",
                _value(board.mean_wa(method)),
            ]
        )
    return table


def _teachers(board: Board) -> Table:
    """Each student minus the better of its teachers, pair by pair: the aim is that none is more than 1 point below."""
    table = Table(
        "UA minus that of the better teacher, per transfer [95 %]", ["method", *board.transfers, "worst", "kept"]
    )
    named = [f"{transfer}: {board.better_teacher(transfer)}" for transfer in board.transfers]
    table.notes = [f"The better teacher: {'; '.join(named)}. Kept: on how many transfers at most 1 point below."]
    for method in board.methods:
        if method in _NO_RIVALS or any((method, transfer) not in board.ua for transfer in board.transfers):
            continue
        differences = [board.against_better_teacher(method, transfer) for transfer in board.transfers]
        kept = sum(difference.value >= -_ALLOWED for difference in differences)
        worst = min(difference.value for difference in differences)
        cells = [_with_interval(difference, "+") for difference in differences]
        table.rows.append([method, *cells, f"{worst:+.1f}", f"{kept} of {len(differences)}"])
    return table


def order(board: Board) -> str:
    """The paper's comparison from the best mean to the worst; "=" where the interval of a difference holds 0."""
    whole = [m for m in board.methods if m in _ORDERED and all((m, t) in board.ua for t in board.transfers)]
    ranked = sorted(whole, key=lambda method: -board.mean(method).value)
    told = ranked[:1]
    for before, method in itertools.pairwise(ranked):
        low, _ = (board.mean(before) - board.mean(method)).interval
        told += ["=" if low <= 0 else ">", method]
    return f"Order (= is a tie with the next: the interval of their difference holds 0): {' '.join(told)}."


def _value(figure: Sampled | None) -> str:
    return "–" if figure is None else f"{figure.value:.1f}"


def _with_interval(figure: Sampled, sign: str = "") -> str:
    low, high = figure.interval
    return f"{figure.value:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def _p(p: float) -> str:
    return "< .01" if p < 0.01 else f"{p:.2f}".lstrip("0") if p < 1 else "1"
