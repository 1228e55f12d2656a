"""The synthetic data of `bench.meta_fusion`: they are what their description says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.meta_fusion.ridge import ridge, ridge_errors
from bench.meta_fusion.settings import (
    COMPLEMENTARY,
    NONLINEAR,
    ROWS,
    SETTINGS,
    SHARED,
    Sample,
    Setting,
    draw,
    standardised,
)

SMALL = Setting("small", (6, 5), (2, 3), 2, (0.4, 0.4), own_form="linear", shared_form="quadratic")


@settings(max_examples=10, deadline=None)
@given(noise=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_a_feature_has_the_variance_of_its_noise_and_its_signal(noise: float, seed: int) -> None:
    sample = draw(replace(SMALL, noise=(noise, noise)), seed)
    wanted = noise**2 + (1 - noise) ** 2
    assert np.concatenate(sample.values, axis=1).var(axis=0) == pytest.approx(wanted, rel=0.2)


def test_without_noise_a_modality_has_as_many_directions_as_latents() -> None:
    sample = draw(replace(SMALL, noise=(0.0, 0.4)), seed=0)
    assert np.linalg.matrix_rank(standardised(sample.values[0])) == 2 + 2


def test_noise_makes_every_direction_one_of_its_own() -> None:
    assert np.linalg.matrix_rank(standardised(draw(SMALL, seed=0).values[0])) == 6


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = draw(SMALL, 1), draw(SMALL, 1), draw(SMALL, 2)
    assert np.array_equal(first.values[1], again.values[1])
    assert not np.allclose(first.y_N, other.y_N)


def test_the_answer_has_no_noise_of_its_own() -> None:
    """Without noise in the features either, a linear fit explains everything."""
    clear = replace(SMALL, shared_form="linear", noise=(0.0, 0.0))
    sample = draw(clear, seed=3)
    x_ND = np.concatenate([*sample.values, np.ones((len(sample.y_N), 1))], axis=1)
    left_N = sample.y_N - x_ND @ np.linalg.lstsq(x_ND, sample.y_N, rcond=None)[0]
    assert np.abs(left_N).max() < 1e-8


def test_a_quadratic_answer_varies_as_it_is_known_to() -> None:
    """178 in setting 2.2, on average over data sets; the features' number does not matter."""
    few = replace(NONLINEAR, dims=(2, 2), own=(1, 1))
    assert np.mean([draw(few, seed).y_N.var() for seed in range(10)]) == pytest.approx(178, rel=0.2)


def test_columns_are_standardised_by_the_rows_that_are_named() -> None:
    values_ND = draw(SMALL, 0).values[0]
    seen_ND = standardised(values_ND, ROWS["train"])[ROWS["train"]]
    assert seen_ND.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert seen_ND.std(axis=0) == pytest.approx(1)


def test_the_parts_share_no_row_and_leave_none_out() -> None:
    rows = np.concatenate([np.arange(2000)[part] for part in ROWS.values()])
    assert sorted(rows) == list(range(2000))


def test_a_modality_that_turns_every_sign_still_tells_a_linear_fit_everything() -> None:
    """So only a part of the rows contradicts."""
    turned, half = (draw(replace(SHARED, contradicting=share), 0) for share in (1.0, 0.5))
    assert _error_of_the_second(turned) < 0.2 * turned.variance()
    assert _error_of_the_second(half) > 0.8 * half.variance()


def test_signs_that_turn_in_the_test_alone_cannot_be_seen_before() -> None:
    sample = draw(replace(SHARED, contradicting=1.0, only_in_test=True), 0)
    assert _error_of_the_second(sample, "validation") < 0.2 * sample.variance()
    assert _error_of_the_second(sample, "test") > 2 * sample.variance()


def test_a_modality_with_unrelated_latents_tells_nothing() -> None:
    sample = draw(replace(SHARED, unrelated=True), 0)
    assert _error_of_the_second(sample) > 0.8 * sample.variance()


def _error_of_the_second(sample: Sample, part: str = "test") -> float:
    return float(np.mean((ridge(sample.values[1], sample.y_N) - sample.y_N)[ROWS[part]] ** 2))


# Mean squared errors that a ridge fit is known to have there: modality 1, modality 2, early, late. From few data sets:
# the next line is the standard deviation over ten of ours.
KNOWN = {
    "1.1 complementary": ((91.6, 60.6, 5.43, 47.7), (17.8, 17.4, 0.75, 10.4)),
    "2.1 shared": ((4.4, 3.5, 2.25, 2.19), (0.75, 0.63, 0.34, 0.42)),
    "2.2 nonlinear shared": ((113, 111, 114, 110), (18.4, 17.5, 18.4, 17.7)),
}


@cache
def _errors(setting: Setting) -> np.ndarray:
    """Mean over two data sets; one of the setting with 2000 features, which takes longest."""
    seeds = range(1 if setting == NONLINEAR else 2)
    return np.mean([list(ridge_errors(draw(setting, seed)).values()) for seed in seeds], axis=0)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_ridge_errs_as_much_as_it_is_known_to(setting: Setting) -> None:
    """Within three standard deviations of one data set's error."""
    known, spread = map(np.array, KNOWN[setting.name])
    assert np.all(np.abs(_errors(setting) - known) < 3 * spread)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_fusing_helps_ridge_as_much_as_it_is_known_to(setting: Setting) -> None:
    """As a share of the modalities' own errors the chance of the answer's coefficients is mostly gone."""
    first, second, *fused = KNOWN[setting.name][0]
    ours = _errors(setting)
    assert ours[2:] / (ours[0] + ours[1]) == pytest.approx(np.array(fused) / (first + second), rel=0.2)


def test_early_ridge_wins_where_each_modality_has_a_half_of_its_own() -> None:
    first, second, early, late = _errors(COMPLEMENTARY)
    assert early < 0.2 * min(first, second, late)


def test_ridge_is_the_textbook_solution_for_the_penalty_that_validates_best() -> None:
    sample = draw(SMALL, 5)
    train, validation = ROWS["train"], ROWS["validation"]
    x_ND = sample.values[0] - sample.values[0][train].mean(axis=0)
    centred_N = sample.y_N[train] - sample.y_N[train].mean()
    best_N, best = np.zeros(2000), np.inf
    for power in np.arange(-3, 6, 0.5):
        gram_DD = x_ND[train].T @ x_ND[train] + 10.0**power * np.eye(6)
        answer_N = x_ND @ np.linalg.solve(gram_DD, x_ND[train].T @ centred_N) + sample.y_N[train].mean()
        if (error := np.mean((answer_N - sample.y_N)[validation] ** 2)) < best:
            best_N, best = answer_N, error
    assert ridge(sample.values[0], sample.y_N) == pytest.approx(best_N, rel=1e-5, abs=1e-5)
