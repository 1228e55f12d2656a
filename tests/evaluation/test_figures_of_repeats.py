"""The heat map of repeats: every pair's UA, the chosen one framed."""

import re

import polars as pl

from tasks.evaluation.figures_of_repeats import draw_repeats
from tasks.storage.repeats import repeats_schema


def drawn(chosen: tuple[int, int], ua: tuple[float, ...] = (0.25, 0.3125, 0.5, 0.4375)) -> str:
    rows = [
        (a, t, u, 0.0, 0.0, 40, (a, t) == chosen)
        for (a, t), u in zip([(1, 1), (1, 3), (5, 1), (5, 3)], ua, strict=True)
    ]
    return draw_repeats(pl.DataFrame(rows, repeats_schema(), orient="row"), "clap")


def test_every_pair_stands_there_in_percent() -> None:
    svg = drawn((5, 1))
    assert all(f">{told}<" in svg for told in ("25.0", "31.2", "50.0", "43.8"))
    assert "clap: UA on source validation" in svg


def test_the_chosen_pair_alone_is_bold() -> None:
    svg = drawn((1, 3))
    bold = [text for weight, text in re.findall(r"<text style=\"(font-weight: 700)?[^>]*>([0-9.]{4})<", svg) if weight]
    assert bold == ["31.2"]


def test_another_choice_gives_another_figure_and_the_same_one_the_same_bytes() -> None:
    assert drawn((1, 1)) != drawn((5, 3))
    assert drawn((1, 1)) == drawn((1, 1))


def test_pairs_that_are_all_alike_are_drawn() -> None:
    assert drawn((1, 1), ua=(0.25,) * 4).count(">25.0<") == 4
