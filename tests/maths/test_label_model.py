"""The label model against a literal second implementation, and inputs that leave it little to go by."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy import special

from tasks.maths.class_places import TEMPER
from tasks.maths.label_model import CERTAINTY, fit_label_model
from tests.maths.gaussians import covariance_literally, log_densities, means_of


def views(n: int, c: int, d: int, seed: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Two teachers of different skill, places that lie by class, a first guess, and the truth."""
    rng = np.random.default_rng(seed)
    truth_N = np.arange(n) % c
    evidence = [np.log(rng.dirichlet(np.ones(c), size=n)) + skill * np.eye(c)[truth_N] for skill in (2.0, 0.7)]
    seen_ND = 2 * rng.normal(size=(c, d))[truth_N] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5.0
    return evidence, seen_ND, special.softmax(np.mean(evidence, axis=0), axis=1), truth_N


def place_literally(seen_ND: np.ndarray, q_NC: np.ndarray) -> np.ndarray:
    mu_CD = means_of(seen_ND, q_NC)
    return TEMPER * log_densities(seen_ND, mu_CD, covariance_literally(seen_ND, q_NC, mu_CD))


def borne_out_literally(evidence_NC: np.ndarray, others_NC: np.ndarray) -> float:
    """The best of a grid of logarithms, then of ever finer ones around it."""
    least, most = np.log(0.05), np.log(2)
    for _ in range(4):
        grid = np.linspace(least, most, 101)
        cost = [
            -np.mean(np.sum(others_NC * special.log_softmax(np.exp(b) * evidence_NC, axis=1), axis=1)) + 0.2 * b**2
            for b in grid
        ]
        best, step = grid[np.argmin(cost)], grid[1] - grid[0]
        least, most = max(best - step, np.log(0.05)), min(best + step, np.log(2))
    return float(np.exp(best))


def fit_literally(
    evidence: Sequence[np.ndarray], seen_ND: np.ndarray, q_NC: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    """Posterior and trust; from the third of twelve rounds on, trust goes half the way on a logarithmic scale."""
    heard = [np.nan_to_num(evidence_NC) for evidence_NC in evidence]
    trust = [1.0] * len(evidence)
    for iteration in range(12):
        place_NC = place_literally(seen_ND, q_NC)
        before = list(trust)
        for t, evidence_NC in enumerate(evidence if iteration >= 2 else []):
            rest = sum(before[s] * heard[s] for s in range(len(trust)) if s != t)
            speaks_N = ~np.isnan(evidence_NC[:, 0])
            others_NC = special.softmax(place_NC + rest, axis=1)[speaks_N]
            trust[t] = np.sqrt(before[t] * borne_out_literally(evidence_NC[speaks_N], others_NC))
        q_NC = special.softmax(place_NC + sum(b * said for b, said in zip(trust, heard, strict=True)), axis=1)
    said_NC = sum(b * said for b, said in zip(trust, heard, strict=True))
    return special.softmax(CERTAINTY * (place_literally(seen_ND, q_NC) + said_NC), axis=1), trust


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_posteriors_and_trust_are_those_of_a_literal_second_implementation(seed: int) -> None:
    evidence, seen_ND, start_NC, _ = views(60, 3, 4, seed)
    model = fit_label_model(evidence, seen_ND, start_NC)
    posterior_NC, trust = fit_literally(evidence, seen_ND, start_NC)
    np.testing.assert_allclose(model.posterior(evidence, seen_ND), posterior_NC, atol=1e-4)
    np.testing.assert_allclose(model.trust_T, trust, atol=1e-4)


def test_a_teacher_that_is_silent_on_some_clips_is_judged_by_the_others() -> None:
    evidence, seen_ND, start_NC, _ = views(60, 3, 4, seed=3)
    evidence[1][::3] = np.nan
    model = fit_label_model(evidence, seen_ND, start_NC)
    posterior_NC, trust = fit_literally(evidence, seen_ND, start_NC)
    np.testing.assert_allclose(model.posterior(evidence, seen_ND), posterior_NC, atol=1e-4)
    np.testing.assert_allclose(model.trust_T, trust, atol=1e-4)


def test_clips_on_which_all_are_silent_are_left_out_of_the_fit_and_have_no_posterior() -> None:
    evidence, seen_ND, start_NC, _ = views(60, 3, 4, seed=4)
    alone = fit_label_model([said[:40] for said in evidence], seen_ND[:40], start_NC[:40])
    for said in evidence:
        said[40:] = np.nan
    model = fit_label_model(evidence, seen_ND, start_NC)
    np.testing.assert_array_equal(model.trust_T, alone.trust_T)
    np.testing.assert_array_equal(model.places.slopes_DC, alone.places.slopes_DC)
    assert np.isnan(model.posterior(evidence, seen_ND)[40:]).all()


def test_the_order_of_the_clips_does_not_matter() -> None:
    evidence, seen_ND, start_NC, _ = views(90, 3, 4, seed=5)
    order_N = np.random.default_rng(0).permutation(90)
    there_NC = fit_label_model(evidence, seen_ND, start_NC).posterior(evidence, seen_ND)
    turned = [said[order_N] for said in evidence]
    here_NC = fit_label_model(turned, seen_ND[order_N], start_NC[order_N]).posterior(turned, seen_ND[order_N])
    np.testing.assert_allclose(here_NC, there_NC[order_N], atol=1e-4)


def test_the_order_of_the_teachers_does_not_matter() -> None:
    evidence, seen_ND, start_NC, _ = views(200, 3, 4, seed=6)
    there = fit_label_model(evidence, seen_ND, start_NC)
    here = fit_label_model(evidence[::-1], seen_ND, start_NC)
    np.testing.assert_allclose(here.trust_T[::-1], there.trust_T, atol=1e-4)
    there_NC, here_NC = there.posterior(evidence, seen_ND), here.posterior(evidence[::-1], seen_ND)
    np.testing.assert_allclose(here_NC, there_NC, atol=1e-4)


def test_numpy_and_torch_posteriors_agree() -> None:
    evidence, seen_ND, start_NC, _ = views(60, 3, 4, seed=8)
    evidence[0][5], evidence[1][5], evidence[1][6] = np.nan, np.nan, np.nan
    model = fit_label_model(evidence, seen_ND, start_NC)
    found_NC = model.posterior([torch.from_numpy(said) for said in evidence], torch.from_numpy(seen_ND))
    np.testing.assert_allclose(found_NC.numpy(), model.posterior(evidence, seen_ND), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_clips_have_a_posterior_all_the_same(n: int) -> None:
    evidence, seen_ND, start_NC, _ = views(n, 4, 32, seed=9)
    posterior_NC = fit_label_model(evidence, seen_ND, start_NC).posterior(evidence, seen_ND)
    np.testing.assert_allclose(posterior_NC.sum(axis=1), 1)


@pytest.mark.parametrize("n", [1, 9])
def test_clips_in_one_place_are_labelled_by_the_teachers_alone(n: int) -> None:
    evidence, _, start_NC, _ = views(n, 3, 2, seed=10)
    seen_ND = np.full((n, 2), 4.2)
    model = fit_label_model(evidence, seen_ND, start_NC)
    said_NC = sum(trust * said for trust, said in zip(model.trust_T, evidence, strict=True))
    np.testing.assert_allclose(
        model.posterior(evidence, seen_ND), special.softmax(CERTAINTY * said_NC, axis=1), atol=1e-6
    )


def test_a_class_that_no_teacher_names_breaks_nothing_and_gets_nothing() -> None:
    evidence, seen_ND, start_NC, _ = views(60, 3, 4, seed=11)
    for said_NC in evidence:
        said_NC[:, 2] = -1000
    start_NC[:, 2] = 0
    posterior_NC = fit_label_model(evidence, seen_ND, start_NC).posterior(evidence, seen_ND)
    assert np.isfinite(posterior_NC).all()
    assert posterior_NC[:, 2].max() < 1e-9


def test_a_teacher_that_never_speaks_keeps_its_trust_and_changes_nothing() -> None:
    evidence, seen_ND, start_NC, _ = views(60, 3, 4, seed=12)
    silent_NC = np.full((60, 3), np.nan)
    alone = fit_label_model(evidence, seen_ND, start_NC)
    model = fit_label_model([*evidence, silent_NC], seen_ND, start_NC)
    assert model.trust_T.tolist() == [*alone.trust_T, 1.0]
    np.testing.assert_array_equal(model.posterior([*evidence, silent_NC], seen_ND), alone.posterior(evidence, seen_ND))


def test_without_any_clip_every_class_is_as_likely_and_every_word_counts() -> None:
    nothing_NC = np.zeros((0, 3))
    model = fit_label_model([nothing_NC, nothing_NC], np.zeros((0, 2)), nothing_NC)
    assert model.trust_T.tolist() == [1, 1]
    np.testing.assert_allclose(model.posterior([np.zeros((1, 3))] * 2, np.ones((1, 2))), [[1 / 3] * 3])
