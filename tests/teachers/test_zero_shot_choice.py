"""Which repeats are taken: the best ones, unless they are no clearer than chance beside none at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tasks.teachers.zero_shot_choice import Tried, choose_pair, try_pairs

BoolArray = NDArray[np.bool_]
right = arrays(bool, 12, elements=st.booleans())
LABELS = np.array([0] * 3 + [2] * 8 + [1])


@given(none=right, other=right)
def test_ua_gain_and_error_are_those_of_a_literal_second_implementation(none: BoolArray, other: BoolArray) -> None:
    found = try_pairs({(1, 1): none, (2, 3): other}, LABELS)[2, 3]
    ua, gain, variance = [], [], []
    for label in (0, 1, 2):
        rows = [n for n in range(12) if LABELS[n] == label]
        difference = [int(other[n]) - int(none[n]) for n in rows]
        ua.append(sum(other[n] for n in rows) / len(rows))
        gain.append(sum(difference) / len(rows))
        variance.append(sum(d**2 for d in difference) / len(rows) ** 2)
    assert found.ua == pytest.approx(sum(ua) / 3)
    assert found.gain == pytest.approx(sum(gain) / 3)
    assert found.gain_se == pytest.approx((sum(variance) / 9) ** 0.5)


def test_no_repeats_gain_nothing_over_themselves() -> None:
    assert try_pairs({(1, 1): LABELS > 0}, LABELS)[1, 1] == Tried(ua=2 / 3, gain=0.0, gain_se=0.0)


def test_the_best_pair_is_taken_where_it_is_clearly_better() -> None:
    tried = {(1, 1): Tried(0.4, 0, 0), (3, 2): Tried(0.6, 0.2, 0.05), (8, 8): Tried(0.5, 0.1, 0.01)}
    assert choose_pair(tried) == (3, 2)


def test_no_repeats_are_kept_where_the_best_gains_no_more_than_its_error() -> None:
    assert choose_pair({(1, 1): Tried(0.4, 0, 0), (3, 2): Tried(0.6, 0.2, 0.2)}) == (1, 1)


def test_of_equals_the_fewest_repeats_are_taken() -> None:
    equal = Tried(0.6, 0.2, 0.01)
    assert choose_pair({(1, 1): Tried(0.4, 0, 0), (4, 3): equal, (5, 2): equal, (2, 5): equal}) == (2, 5)


def test_a_class_without_a_clip_does_not_count() -> None:
    assert try_pairs({(1, 1): np.array([True, False])}, np.array([3, 3]))[1, 1].ua == 0.5


@pytest.mark.parametrize("clips_per_class", [1, 2, 5, 20, 80])
def test_where_no_pair_is_better_than_none_the_luckiest_of_36_is_seldom_taken(clips_per_class: int) -> None:
    chance, pairs = np.random.default_rng(7), [(a, t) for a in range(1, 7) for t in range(1, 7)]
    labels_N = np.repeat(np.arange(4), clips_per_class)
    trials = [{pair: chance.random(len(labels_N)) < 0.5 for pair in pairs} for _ in range(40)]
    kept = sum(choose_pair(try_pairs(right_of, labels_N)) == (1, 1) for right_of in trials)
    assert kept >= 32


def test_a_pair_that_is_much_better_is_taken_of_36() -> None:
    chance, pairs = np.random.default_rng(7), [(a, t) for a in range(1, 7) for t in range(1, 7)]
    labels_N = np.repeat(np.arange(4), 50)
    right_of = {pair: chance.random(200) < (0.75 if pair == (4, 3) else 0.5) for pair in pairs}
    assert choose_pair(try_pairs(right_of, labels_N)) == (4, 3)
