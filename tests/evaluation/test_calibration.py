"""Expected calibration error, against a literal second implementation and by its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.calibration import expected_calibration_error, reliability_bins

# 53-bit fractions and the bin edges themselves, where an off-by-one would show.
confidences = st.one_of(st.floats(0, 1), st.integers(0, 15).map(lambda m: float(np.linspace(0, 1, 16)[m])))
clips = st.lists(st.tuples(confidences, st.booleans()), min_size=1, max_size=60)


def ece_literally(pairs: list[tuple[float, bool]], bins: int = 15) -> float:
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for m in range(bins):
        inside = [(c, ok) for c, ok in pairs if edges[m] < c <= edges[m + 1] or (m == 0 and c == 0)]
        if inside:
            accuracy = sum(ok for _, ok in inside) / len(inside)
            confidence = sum(c for c, _ in inside) / len(inside)
            total += len(inside) / len(pairs) * abs(accuracy - confidence)
    return total


def ece_of(pairs: list[tuple[float, bool]]) -> float:
    return expected_calibration_error(np.array([c for c, _ in pairs]), np.array([ok for _, ok in pairs]))


@given(clips)
def test_ece_is_that_of_a_literal_second_implementation(pairs: list[tuple[float, bool]]) -> None:
    assert ece_of(pairs) == pytest.approx(ece_literally(pairs))


@given(clips)
def test_ece_lies_within_0_and_1(pairs: list[tuple[float, bool]]) -> None:
    assert 0 <= ece_of(pairs) <= 1


@given(clips, st.randoms())
def test_ece_does_not_depend_on_the_order_of_the_clips(pairs: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ece_of(shuffled) == pytest.approx(ece_of(pairs))


@given(st.integers(1, 50), st.integers(0, 50))
def test_ece_is_0_where_as_many_clips_are_right_as_a_constant_confidence_says(n: int, right: int) -> None:
    right = min(n, right)
    assert ece_of([(right / n, i < right) for i in range(n)]) == pytest.approx(0, abs=1e-9)


def test_ece_by_hand() -> None:
    """0.9 twice, one right: gap 0.4; 0.6 once, right: gap 0.4."""
    assert ece_of([(0.9, True), (0.9, False), (0.6, True)]) == pytest.approx(0.4)


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin() -> None:
    (filled,) = reliability_bins(np.array([0.5]), np.array([True]), bins=2)
    assert (filled.lower, filled.upper) == (0.0, 0.5)


def test_a_confidence_of_0_belongs_to_the_first_bin() -> None:
    (filled,) = reliability_bins(np.array([0.0]), np.array([False]))
    assert filled.lower == 0.0


@given(clips)
def test_the_bins_count_every_clip_once(pairs: list[tuple[float, bool]]) -> None:
    filled = reliability_bins(np.array([c for c, _ in pairs]), np.array([ok for _, ok in pairs]))
    assert sum(b.count for b in filled) == len(pairs)


def test_no_clips_give_no_bins() -> None:
    assert reliability_bins(np.empty(0), np.empty(0, dtype=bool)) == []


def test_ece_of_no_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no clips to calibrate on"):
        expected_calibration_error(np.empty(0), np.empty(0, dtype=bool))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"confidence_N has shape \(2,\), correct_N \(1,\)"):
        expected_calibration_error(np.array([0.5, 0.5]), np.array([True]))


@pytest.mark.parametrize("wrong", [1.5, -0.1, np.nan])
def test_a_confidence_outside_0_and_1_is_refused_with_its_place(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 confidences lie outside \[0, 1\]; first: confidence_N\[1\] = "):
        expected_calibration_error(np.array([0.5, wrong]), np.array([True, True]))


def test_less_than_one_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        expected_calibration_error(np.array([0.5]), np.array([True]), bins=0)
