"""How far domains lie apart, and whether gain goes with it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from bench.questions.cases import Case
from bench.questions.distances import sliced_wasserstein
from bench.questions.shift import draw, spearman, spearman_table, standardised, table_of
from bench.transfers.kept import Result

CLOUD_ND = np.random.default_rng(0).normal(size=(60, 5))
GOLD = "00112233" * 2
SHIFTS = {"a → b": (3.0, 0.5), "b → a": (1.0, 0.7)}


def test_a_cloud_is_no_distance_from_itself() -> None:
    assert sliced_wasserstein(CLOUD_ND, CLOUD_ND[::-1]) == pytest.approx(0, abs=1e-12)


def test_it_is_symmetric() -> None:
    other = CLOUD_ND[:40] * 2
    assert sliced_wasserstein(CLOUD_ND, other) == pytest.approx(sliced_wasserstein(other, CLOUD_ND))


@given(arrays(float, 5, elements=st.floats(-3, 3)))
def test_a_moved_cloud_is_as_far_as_the_move_seen_along_the_directions(move_D: np.ndarray) -> None:
    theta_DR = np.random.default_rng(7).normal(size=(5, 50))
    seen = np.abs(move_D @ (theta_DR / np.sqrt((theta_DR**2).sum(axis=0)))).mean()
    moved = sliced_wasserstein(CLOUD_ND, CLOUD_ND + move_D, directions=50, seed=7)
    assert moved == pytest.approx(seen, abs=1e-9)


def test_between_clouds_of_one_size_it_is_the_mean_gap_of_sorted_points() -> None:
    other_ND = np.random.default_rng(1).gamma(2, size=(60, 5))
    theta_DR = np.random.default_rng(0).normal(size=(5, 200))
    gaps = []
    for theta_D in theta_DR.T:
        theta_D = theta_D / np.linalg.norm(theta_D)
        gaps.append(np.abs(np.sort(CLOUD_ND @ theta_D) - np.sort(other_ND @ theta_D)).mean())
    assert sliced_wasserstein(CLOUD_ND, other_ND) == pytest.approx(np.mean(gaps))


def test_clouds_of_other_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="points of 5 and of 4 dimensions cannot be compared"):
        sliced_wasserstein(CLOUD_ND, CLOUD_ND[:, :4])


def test_standardised_by_itself_a_moved_and_stretched_corpus_lies_where_it_lay() -> None:
    clips_NLD = CLOUD_ND.reshape(60, 1, 5)
    moved_NLD = 3 * clips_NLD + 2
    np.testing.assert_allclose(standardised(moved_NLD, moved_NLD), standardised(clips_NLD, clips_NLD), atol=1e-9)


@given(st.permutations(range(5)))
def test_spearman_is_scipy_s(order: list[int]) -> None:
    x_N, y_N = np.arange(5.0), np.array(order, dtype=float)
    assert spearman(x_N, y_N)[0] == pytest.approx(spearmanr(x_N, y_N).statistic)


def test_of_six_values_in_one_order_two_of_720_orders_are_as_clear() -> None:
    assert spearman(np.arange(6.0), np.arange(6.0))[1] == pytest.approx(2 / 720)


def test_of_six_values_089_is_the_least_below_five_percent() -> None:
    """What the note below the table says."""
    six_N = np.arange(6.0)
    ps = dict(spearman(six_N, np.array(order, dtype=float)) for order in [(1, 0, 2, 4, 3, 5), (1, 0, 3, 2, 5, 4)])
    assert ps[max(ps)] < 0.05
    assert spearman(six_N, np.array([1.0, 0, 2, 3, 5, 4]))[0] > 0.88
    assert spearman(six_N, np.array([2.0, 0, 1, 3, 4, 5]))[1] > 0.05


@pytest.fixture
def cases(make_result: Callable[..., Result]) -> list[Case]:
    methods = ("source (source statistics)", "source", "LALM", "LALM-only", "equal", "paper", "best")

    def case(transfer: str, best: str) -> Case:
        said = dict.fromkeys(methods, "00110000" * 2) | {"best": best}
        return Case([make_result(GOLD, named, method=m, transfer=transfer) for m, named in said.items()])

    return [case("a → b", GOLD), case("b → a", "00112200" * 2)]


def test_the_smallest_shift_comes_first(cases: list[Case]) -> None:
    assert [row[:3] for row in table_of(cases, SHIFTS).rows] == [["b → a", "1.00", "0.70"], ["a → b", "3.00", "0.50"]]


def test_gain_is_over_the_source_classifier(cases: list[Case]) -> None:
    assert [row[-1] for row in table_of(cases, SHIFTS).rows] == ["+25.0 [+25.0, +25.0]", "+50.0 [+50.0, +50.0]"]


def test_a_gain_that_is_the_same_everywhere_has_no_rank_correlation(cases: list[Case]) -> None:
    told = {row[0]: row[1:] for row in spearman_table(cases, SHIFTS).rows}
    assert told["best"] == ["+1.00 (n = 2, p = 1.00)", "-1.00 (n = 2, p = 1.00)"]
    assert told["paper"] == ["– (all gains are the same)"] * 2


def test_the_figure_has_both_panels(cases: list[Case], tmp_path: Path) -> None:
    draw(cases, SHIFTS, tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_text(encoding="utf-8").count('id="axes_') == 2
