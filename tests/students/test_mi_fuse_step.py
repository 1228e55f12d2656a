"""Whole steps by hand in double precision: loss, gradient, clipping, AdamW and the moving average."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from tasks.students.base import TrainingData
from tasks.students.mi_fuse import MIFuseSettings

FloatArray = NDArray[np.float64]
Weights = dict[str, FloatArray]
CLASSES = ["angry", "happy", "sad"]
NAMES = ("layer_scores", "to_hidden.weight", "to_hidden.bias", "to_logits.weight", "to_logits.bias")
SETTINGS = {
    "recipe": "paper",
    "teacher_refresh": "step",
    "batch_size": 5,
    "steps": 6,
    "warmup": 0.5,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "clip_norm": 0.05,
    "diversity": 0.7,
    "ema": 0.9,
}


def gradient_by_hand(of: Weights, x_BLD: FloatArray, m1_BD: FloatArray, m2_BH: FloatArray, t_BC: FloatArray) -> Weights:
    """Of mean cross-entropy plus 0.7 times the negative entropy of the batch's mean, through both layers."""
    share_L = softmax(of["layer_scores"])
    standard_BLD = (x_BLD - of["mean_LD"]) / of["std_LD"]
    heard_BD = np.einsum("l,bld->bd", share_L, standard_BLD) * m1_BD
    before_BH = heard_BD @ of["to_hidden.weight"].T + of["to_hidden.bias"]
    hidden_BH = np.maximum(before_BH, 0) * m2_BH
    p_BC = softmax(hidden_BH @ of["to_logits.weight"].T + of["to_logits.bias"], axis=1)
    slope_C = np.log(p_BC.mean(axis=0)) + 1
    logits_BC = (p_BC - t_BC + 0.7 * p_BC * (slope_C - (p_BC @ slope_C)[:, None])) / len(p_BC)
    back_BH = logits_BC @ of["to_logits.weight"] * m2_BH * (before_BH > 0)
    pooled_BD = back_BH @ of["to_hidden.weight"] * m1_BD
    share_back_L = np.einsum("bd,bld->l", pooled_BD, standard_BLD)
    return {
        "layer_scores": share_L * (share_back_L - share_L @ share_back_L),
        "to_hidden.weight": back_BH.T @ heard_BD,
        "to_hidden.bias": back_BH.sum(axis=0),
        "to_logits.weight": logits_BC.T @ hidden_BH,
        "to_logits.bias": logits_BC.sum(axis=0),
    }


class AdamWByHand:
    """Loshchilov and Hutter 2019, algorithm 2, after the gradient's norm is cut to 0.05."""

    def __init__(self) -> None:
        self.t, self.m, self.v = 0, dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 0.0)

    def step(self, of: Weights, gradient: Weights, rate: float) -> Weights:
        self.t += 1
        norm = np.sqrt(sum((gradient[name] ** 2).sum() for name in NAMES))
        assert norm > 0.05  # or the case would say nothing of clipping
        after = dict(of)
        for name in NAMES:
            cut = gradient[name] * 0.05 / norm
            self.m[name] = 0.9 * self.m[name] + 0.1 * cut
            self.v[name] = 0.999 * self.v[name] + 0.001 * cut**2
            m, v = self.m[name] / (1 - 0.9**self.t), self.v[name] / (1 - 0.999**self.t)
            after[name] = of[name] - rate * 0.1 * of[name] - rate * m / (np.sqrt(v) + 1e-8)
        return after


def test_three_steps_by_hand_end_in_the_same_weights(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    """Labels as the loop fused them, which `test_mi_fuse_loop` checks; everything after them is made again here."""
    settings = MIFuseSettings.model_validate(SETTINGS)
    of = {name: tensor.double().numpy() for name, tensor in watched_head.state_dict().items()}
    teacher, optimiser = dict(of), AdamWByHand()
    loop = settings.loop(watched_head, data_of(), CLASSES)
    for step in range(3):
        watched_head.passes.clear()
        loop.advance()
        _, (features_BLD, masks, _) = watched_head.passes
        target_BC = loop._objective.target_BC().double().numpy()
        drawn = (masks.pooled_NKD[:, 0].double().numpy(), masks.hidden_NKH[:, 0].double().numpy())
        gradient = gradient_by_hand(of, features_BLD.double().numpy(), *drawn, target_BC)
        of = optimiser.step(of, gradient, rate=0.01 * (step + 1) / 3)  # half of six steps warm up
        teacher = {name: 0.9 * teacher[name] + 0.1 * of[name] for name in NAMES}
    state = loop.checkpoint().state
    for name in NAMES:
        np.testing.assert_allclose(state["head"][name].numpy(), of[name], atol=1e-5)
        np.testing.assert_allclose(state["objective"]["teacher"][name].numpy(), teacher[name], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_by_hand_is_that_of_small_differences(name: str) -> None:
    """The second implementation against the definition of a derivative."""
    rng = np.random.default_rng(3)
    of = {
        "mean_LD": rng.normal(size=(2, 4)),
        "std_LD": rng.uniform(1, 2, size=(2, 4)),
        "layer_scores": rng.normal(size=2),
    }
    of |= {"to_hidden.weight": rng.normal(size=(6, 4)), "to_hidden.bias": rng.normal(size=6)}
    of |= {"to_logits.weight": rng.normal(size=(3, 6)), "to_logits.bias": rng.normal(size=3)}
    x_BLD, m1_BD, m2_BH = rng.normal(size=(5, 2, 4)), rng.integers(0, 2, (5, 4)) * 1.5, rng.integers(0, 2, (5, 6)) * 1.5
    t_BC = rng.dirichlet(np.ones(3), size=5)

    def loss(weights: Weights) -> float:
        heard_BLD = (x_BLD - weights["mean_LD"]) / weights["std_LD"]
        heard_BD = np.einsum("l,bld->bd", softmax(weights["layer_scores"]), heard_BLD) * m1_BD
        hidden_BH = np.maximum(heard_BD @ weights["to_hidden.weight"].T + weights["to_hidden.bias"], 0) * m2_BH
        p_BC = softmax(hidden_BH @ weights["to_logits.weight"].T + weights["to_logits.bias"], axis=1)
        mean_C = p_BC.mean(axis=0)
        return float(-(t_BC * np.log(p_BC)).sum(axis=1).mean() + 0.7 * (mean_C * np.log(mean_C)).sum())

    found = gradient_by_hand(of, x_BLD, m1_BD, m2_BH, t_BC)[name]
    for place in np.ndindex(found.shape):
        up, down = (of[name].copy() for _ in range(2))
        up[place] += 1e-6
        down[place] -= 1e-6
        slope = (loss(of | {name: up}) - loss(of | {name: down})) / 2e-6
        assert found[place] == pytest.approx(slope, abs=1e-7)
