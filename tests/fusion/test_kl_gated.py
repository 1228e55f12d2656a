"""The gate: open where the teachers' means are near each other, shut where they part."""

import numpy as np
import pytest
import torch

from tasks.fusion.base import Draws
from tasks.fusion.kl_gated import KLGatedRule
from tasks.fusion.mutual_information import MutualInformationRule

TEACHERS = ["lalm", "classifier"]
ALIKE = [[0.8, 0.2], [0.6, 0.4]]
SHAKY = [[1.0, 0.0], [0.0, 1.0]]  # MI log 2
STEADY = [[0.1, 0.9], [0.1, 0.9]]  # MI 0


def draws_of(*clips: list[list[float]]) -> Draws:
    return Draws(np.array(clips), np.ones((len(clips), len(clips[0])), dtype=bool))


def random_draws(n: int, k: int, seed: int) -> Draws:
    return Draws(np.random.default_rng(seed).dirichlet(np.ones(4), size=(n, k)), np.ones((n, k), dtype=bool))


def divergences_literally(lalm: Draws, classifier: Draws) -> list[float]:
    """KL(classifier || LALM) of the floored means, clip by clip."""
    found = []
    for p_KC, q_KC in zip(classifier.probs_NKC, lalm.probs_NKC, strict=True):
        p, q = (np.maximum(draws_KC.mean(axis=0), 0.01) for draws_KC in (p_KC, q_KC))
        p, q = p / p.sum(), q / q.sum()
        found.append(sum(p[c] * (np.log(p[c]) - np.log(q[c])) for c in range(4)))
    return found


def test_the_threshold_is_the_median_divergence_of_the_classifier_from_the_lalm() -> None:
    lalm, classifier = random_draws(31, 5, seed=0), random_draws(31, 8, seed=1)
    fitted = KLGatedRule().fit([lalm, classifier], TEACHERS)
    assert fitted.threshold == pytest.approx(np.median(divergences_literally(lalm, classifier)))


def test_clips_up_to_the_threshold_are_weighed_by_mutual_information() -> None:
    draws = [random_draws(31, 5, seed=0), random_draws(31, 8, seed=1)]
    fitted = KLGatedRule().fit(draws, TEACHERS)
    is_open_N = np.array(divergences_literally(*draws)) <= fitted.threshold
    by_mi_NT = MutualInformationRule().fit(draws, TEACHERS).weights(draws)
    assert is_open_N.sum() == 16
    np.testing.assert_allclose(fitted.weights(draws)[is_open_N], by_mi_NT[is_open_N])


def test_beyond_the_threshold_the_teacher_of_smaller_mi_has_the_word() -> None:
    draws = [draws_of(SHAKY), draws_of(STEADY)]
    assert KLGatedRule(threshold=0.1).fit(draws, TEACHERS).weights(draws).tolist() == [[0, 1]]


def test_beyond_the_threshold_teachers_of_the_same_mi_share_the_word() -> None:
    draws = [draws_of([[0.9, 0.1]] * 3), draws_of(STEADY)]
    assert KLGatedRule(threshold=0.1).fit(draws, TEACHERS).weights(draws).tolist() == [[0.5, 0.5]]


def test_the_divergence_is_measured_from_the_reference() -> None:
    """KL(.5, .5 || .98, .02) is 1.27, the other way round 0.60."""
    draws = [draws_of([[0.98, 0.02], [0.98, 0.02]]), draws_of([[1.0, 0.0], [0.0, 1.0]])]
    from_classifier = KLGatedRule(threshold=0.9).fit(draws, TEACHERS).weights(draws)
    from_lalm = KLGatedRule(threshold=0.9, reference="lalm").fit(draws, TEACHERS).weights(draws)
    assert from_classifier.tolist() == [[1, 0]]
    assert from_lalm[0] == pytest.approx([2 / 3, 1 / 3])


def test_of_three_teachers_the_one_that_is_furthest_away_decides() -> None:
    near, far = draws_of(ALIKE), draws_of([[0.0, 1.0], [0.0, 1.0]])
    classifier = draws_of(ALIKE)
    rule, names = KLGatedRule(threshold=0.5), ["near", "far", "classifier"]
    assert rule.fit([near, far, classifier], names).weights([near, far, classifier]).tolist() == [[0, 1, 0]]
    open_NT = rule.fit([near, near, classifier], names).weights([near, near, classifier])
    assert open_NT[0] == pytest.approx([1 / 3] * 3)


def test_without_the_references_draws_the_others_are_fused() -> None:
    silent = Draws(np.zeros((1, 2, 2)), np.zeros((1, 2), dtype=bool))
    draws = [draws_of([[0.9, 0.1]] * 2), draws_of(STEADY), silent]
    rule = KLGatedRule(threshold=0.0)
    assert rule.fit(draws, ["a", "b", "classifier"]).weights(draws).tolist() == [[0.5, 0.5, 0]]


def test_without_any_divergence_to_measure_the_gate_is_open() -> None:
    silent = Draws(np.zeros((1, 2, 2)), np.zeros((1, 2), dtype=bool))
    fitted = KLGatedRule().fit([silent, draws_of(STEADY)], TEACHERS)
    assert fitted.threshold == np.inf


def test_the_median_is_fitted_from_tensors_too() -> None:
    draws = [random_draws(31, 5, seed=0), random_draws(31, 8, seed=1)]
    tensors = [Draws(torch.from_numpy(d.probs_NKC), torch.from_numpy(d.valid_NK)) for d in draws]
    assert KLGatedRule().fit(tensors, TEACHERS) == KLGatedRule().fit(draws, TEACHERS)


def test_a_reference_that_is_no_teacher_is_refused() -> None:
    draws = [draws_of(STEADY), draws_of(STEADY)]
    with pytest.raises(ValueError, match='no teacher "classifier" to measure from; the teachers are a, b'):
        KLGatedRule().fit(draws, ["a", "b"])
