"""Dawid and Skene, MACE and GLAD: our posteriors of any votes are crowd-kit's of the votes that it was fitted on."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
from crowdkit.aggregation import GLAD, MACE, DawidSkene
from scipy import special

from tasks.contracts.errors import DrawsError, SettingsError
from tasks.fusion.base import Draws, Fused, fused_by
from tasks.fusion.dawid_skene import DawidSkeneRule
from tasks.fusion.glad import FittedGLAD, GLADRule
from tasks.fusion.mace import MACERule
from tasks.fusion.votes import count_votes
from tests.fusion.crowd import NAMES, crowd, votes_of

RULES = [DawidSkeneRule(), MACERule(), GLADRule()]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    draws, _ = crowd()
    return {rule.kind: rule.fit(draws, NAMES) for rule in RULES}


def fuse(rule: Any, draws: list[Draws]) -> Fused:
    return fused_by(rule.fit(draws, NAMES), draws)


def dense(table: Any, n: int, c: int) -> np.ndarray:
    """crowd-kit's table of posteriors, each clip and class in its place."""
    return table.reindex(index=range(n), columns=range(c)).to_numpy()


def test_dawid_skene_is_crowd_kits_own_e_step_with_the_parameters_that_it_found(fitted: dict[str, Any]) -> None:
    draws, _ = crowd()
    votes = votes_of(draws)
    model = DawidSkene().fit(votes)
    theirs = DawidSkene._e_step(votes, model.priors_, model.errors_)
    ours = fitted["dawid_skene"].posterior(draws)
    np.testing.assert_allclose(ours, dense(theirs, *ours.shape), atol=1e-9)


def test_dawid_skene_is_what_crowd_kit_answers_up_to_its_last_iteration(fitted: dict[str, Any]) -> None:
    draws, _ = crowd()
    ours = fitted["dawid_skene"].posterior(draws)
    theirs = dense(DawidSkene(n_iter=1000, tol=1e-12).fit_predict_proba(votes_of(draws)), *ours.shape)
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_mace_is_what_crowd_kit_answers(fitted: dict[str, Any]) -> None:
    """Its votes in an order in which labels first occur as they are numbered, for the reason that mace.py names."""
    draws, _ = crowd()
    ours = fitted["mace"].posterior(draws)
    votes = votes_of(draws).sort_values(["label", "worker", "task"], ignore_index=True)
    np.testing.assert_allclose(ours, dense(MACE(n_restarts=2).fit_predict_proba(votes), *ours.shape), atol=1e-9)


def test_glad_is_crowd_kits_e_step_at_the_ease_that_it_found(fitted: dict[str, Any]) -> None:
    draws, _ = crowd()
    votes = votes_of(draws)
    model = GLAD().fit(votes)
    model._e_step(model._join_all(votes, model.alphas_, model.betas_, model.priors_))
    counts_NTC = count_votes(draws)
    ease_N = model.betas_.reindex(range(len(counts_NTC))).to_numpy()
    logs_NC = FittedGLAD(model.alphas_.reindex(range(3)).to_numpy()).log_likelihood(counts_NTC, ease_N[:, None])[:, 0]
    np.testing.assert_allclose(special.softmax(logs_NC, axis=1), dense(model.probas_, *logs_NC.shape), atol=1e-9)


def test_glads_labels_are_crowd_kits(fitted: dict[str, Any]) -> None:
    """Its search for a clip's ease stops early, ours does not: the same classes, nearly the same numbers."""
    draws, _ = crowd()
    ours = fitted["glad"].posterior(draws)
    theirs = dense(GLAD().fit_predict_proba(votes_of(draws)), *ours.shape)
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.96
    assert np.median(np.abs(ours - theirs)) < 0.02


def test_a_clips_ease_is_the_likeliest() -> None:
    """Against SciPy-free brute force: every ease in steps of .001."""
    draws, _ = crowd(n=4)
    abilities_T = np.array([1.2, 0.4, -0.3])
    counts_NTC = count_votes(draws)
    for n in range(4):
        best, best_posterior_C = -np.inf, None
        for ease in np.arange(-4, 6, 0.001):
            right_T = 1 / (1 + np.exp(-abilities_T * np.exp(ease)))
            wrong_T = (1 - right_T) / 2
            odds_C = [
                np.prod(
                    [
                        right_T[t] ** counts_NTC[n, t, c] * wrong_T[t] ** (counts_NTC[n, t].sum() - counts_NTC[n, t, c])
                        for t in range(3)
                    ]
                )
                for c in range(3)
            ]
            likelihood = np.log(np.sum(odds_C) + 1e-300) - 0.5 * (ease - 1) ** 2
            if likelihood > best:
                best, best_posterior_C = likelihood, np.array(odds_C) / np.sum(odds_C)
        np.testing.assert_allclose(FittedGLAD(abilities_T).posterior(draws)[n], best_posterior_C, atol=5e-3)


@every_rule
def test_most_labels_are_right_where_most_votes_are(rule: Any, fitted: dict[str, Any]) -> None:
    draws, truth_N = crowd()
    assert (fitted[rule.kind].posterior(draws).argmax(axis=1) == truth_N).mean() > 0.85


@every_rule
def test_numpy_and_torch_agree_on_fresh_draws(rule: Any, fitted: dict[str, Any]) -> None:
    fresh, _ = crowd(n=20, seed=7)
    tensors = [Draws(torch.from_numpy(d.probs_NKC), torch.from_numpy(d.valid_NK)) for d in fresh]
    ours = fitted[rule.kind].posterior(tensors)
    np.testing.assert_allclose(ours.numpy(), fitted[rule.kind].posterior(fresh), atol=1e-9)


@every_rule
def test_a_clip_alone_has_the_posterior_that_it_has_in_a_batch(rule: Any, fitted: dict[str, Any]) -> None:
    fresh, _ = crowd(n=20, seed=8)
    alone = [Draws(d.probs_NKC[3:4], d.valid_NK[3:4]) for d in fresh]
    of_all = fitted[rule.kind].posterior(fresh)
    np.testing.assert_allclose(fitted[rule.kind].posterior(alone)[0], of_all[3], atol=1e-12)


@every_rule
def test_the_rule_has_no_weights_to_show(rule: Any, fitted: dict[str, Any]) -> None:
    draws, _ = crowd(n=3)
    weights_NT = fused_by(fitted[rule.kind], draws).weights_NT
    assert weights_NT.shape == (3, 3)
    assert np.isnan(weights_NT).all()


@every_rule
def test_a_clip_without_a_vote_has_no_label(rule: Any, fitted: dict[str, Any]) -> None:
    draws, _ = crowd(n=5)
    for teacher in draws:
        teacher.valid_NK[2] = False
    is_nan_N = np.isnan(fitted[rule.kind].posterior(draws)).all(axis=1)
    assert is_nan_N.tolist() == [False, False, True, False, False]


@every_rule
def test_a_class_that_nobody_ever_names_gets_next_to_nothing(rule: Any) -> None:
    draws, _ = crowd(n=40)
    wider = [Draws(np.pad(d.probs_NKC, ((0, 0), (0, 0), (1, 0))), d.valid_NK) for d in draws]
    probs_NC = fuse(rule, wider).probs_NC
    np.testing.assert_allclose(probs_NC.sum(axis=1), 1)
    assert probs_NC[:, 0].max() < 0.05


@every_rule
def test_a_vote_for_a_class_that_was_never_named_before_gives_a_distribution(rule: Any) -> None:
    draws, _ = crowd(n=40)
    wider = [Draws(np.pad(d.probs_NKC, ((0, 0), (0, 0), (1, 0))), d.valid_NK) for d in draws]
    fitted = rule.fit(wider, NAMES)
    news = [Draws(np.eye(4)[np.zeros((1, 2), dtype=int)], np.ones((1, 2), dtype=bool)) for _ in NAMES]
    np.testing.assert_allclose(fitted.posterior(news).sum(axis=1), 1)


@every_rule
def test_a_teacher_that_never_answered_changes_nothing(rule: Any) -> None:
    draws, _ = crowd(n=40)
    silent = Draws(np.zeros((40, 2, 3)), np.zeros((40, 2), dtype=bool))
    with_silent = fused_by(rule.fit([silent, *draws], ["silent", *NAMES]), [silent, *draws])
    np.testing.assert_allclose(with_silent.probs_NC, fuse(rule, draws).probs_NC, atol=1e-6)


@every_rule
def test_a_corpus_of_one_class_has_that_class(rule: Any) -> None:
    draws = [Draws(np.tile([0.1, 0.8, 0.1], (6, 3, 1)), np.ones((6, 3), dtype=bool)) for _ in NAMES]
    assert (fuse(rule, draws).probs_NC.argmax(axis=1) == 1).all()


@every_rule
def test_without_any_vote_there_is_nothing_to_fit(rule: Any) -> None:
    silent = [Draws(np.zeros((2, 2, 3)), np.zeros((2, 2), dtype=bool))] * 3
    with pytest.raises(DrawsError, match="no valid draw of lalm, classifier, third: there is nothing to vote with"):
        rule.fit(silent, NAMES)


def test_a_tie_is_a_vote_for_the_first_of_its_classes() -> None:
    tied = np.array([[[0.2, 0.4, 0.4], [0.5, 0.5, 0.0]]])
    for probs_NKC, valid_NK in (
        (tied, np.ones((1, 2), dtype=bool)),
        (torch.from_numpy(tied), torch.ones(1, 2, dtype=torch.bool)),
    ):
        assert count_votes([Draws(probs_NKC, valid_NK)]).tolist() == [[[1, 1, 0]]]


@every_rule
def test_without_crowd_kit_the_extra_to_install_is_named(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crowdkit", None)
    told = (
        rf"fuse.kind {rule.kind} needs crowd-kit, which is not installed. Install it with `pip install mifuse\[crowd\]`"
    )
    with pytest.raises(SettingsError, match=told):
        rule.fit(crowd(n=2)[0], NAMES)
