"""A classifier's draws depend on seed, clip and draw number, and on nothing else."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
import torch

from tasks.maths.masks import clip_keys, keyed_masks
from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.teachers.mc_dropout import MCDropoutSettings, draw_by_dropout

N, C = 300, 3  # more clips than go through the head at once


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def head() -> Head:
    torch.manual_seed(0)
    sizes = {"n_layers": 2, "dim": 5, "hidden": 9}
    config = ClassifierConfig(classes=["a", "b", "c"], encoder={"kind": "logmel"}, encoder_identity={}, **sizes)
    return Head(config).eval()


@pytest.fixture(scope="module")
def features_NLD() -> torch.Tensor:
    return torch.randn(N, 2, 5, generator=torch.Generator().manual_seed(1))


SHA256S = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(N)]


def test_there_are_k_distributions_per_clip(head: Head, features_NLD: torch.Tensor) -> None:
    probs_NKC = draw_by_dropout(head, features_NLD, SHA256S, draws=4, seed=0)
    assert probs_NKC.shape == (N, 4, C)
    np.testing.assert_allclose(probs_NKC.sum(axis=-1), 1, atol=1e-12)
    assert (probs_NKC > 0).all()


def test_each_draw_is_a_pass_with_the_clips_own_masks(head: Head, features_NLD: torch.Tensor) -> None:
    """Written down without torch: what is multiplied with which mask, and the softmax."""
    found_NKC = draw_by_dropout(head, features_NLD[:3], SHA256S[:3], draws=2, seed=7)
    weights = {name: tensor.detach().double().numpy() for name, tensor in head.state_dict().items()}
    keys_N = clip_keys(SHA256S[:3])
    pooled_NKD = keyed_masks(keys_N, 2, 5, drop=0.2, seed=7, layer=0).double().numpy()
    hidden_NKH = keyed_masks(keys_N, 2, 9, drop=0.2, seed=7, layer=1).double().numpy()
    for n, k in np.ndindex(3, 2):
        pooled_D = features_NLD[n].double().numpy().mean(axis=0) * pooled_NKD[n, k]
        hidden_H = np.maximum(0, weights["to_hidden.weight"] @ pooled_D + weights["to_hidden.bias"]) * hidden_NKH[n, k]
        logits_C = weights["to_logits.weight"] @ hidden_H + weights["to_logits.bias"]
        np.testing.assert_allclose(found_NKC[n, k], np.exp(logits_C) / np.exp(logits_C).sum(), atol=1e-6)


def test_neither_the_order_nor_the_batch_matters(head: Head, features_NLD: torch.Tensor) -> None:
    together_NKC = draw_by_dropout(head, features_NLD, SHA256S, draws=3, seed=0)
    order_N = np.random.default_rng(0).permutation(N)
    turned_NKC = draw_by_dropout(head, features_NLD[order_N], [SHA256S[n] for n in order_N], draws=3, seed=0)
    np.testing.assert_allclose(turned_NKC, together_NKC[order_N], atol=1e-6)
    alone_KC = draw_by_dropout(head, features_NLD[270:271], SHA256S[270:271], draws=3, seed=0)[0]
    np.testing.assert_allclose(alone_KC, together_NKC[270], atol=1e-6)


def test_a_repeated_call_gives_the_same_bits_whatever_torchs_seed(head: Head, features_NLD: torch.Tensor) -> None:
    torch.manual_seed(1)
    first = draw_by_dropout(head, features_NLD, SHA256S, draws=3, seed=0)
    torch.manual_seed(2)
    np.testing.assert_array_equal(draw_by_dropout(head, features_NLD, SHA256S, draws=3, seed=0), first)


def test_more_draws_leave_the_first_ones_as_they_are(head: Head, features_NLD: torch.Tensor) -> None:
    five, seven = (draw_by_dropout(head, features_NLD, SHA256S, draws=k, seed=0) for k in (5, 7))
    np.testing.assert_allclose(seven[:, :5], five, atol=1e-6)


def test_the_draws_of_a_clip_differ(head: Head, features_NLD: torch.Tensor) -> None:
    probs_NKC = draw_by_dropout(head, features_NLD, SHA256S, draws=8, seed=0)
    assert (probs_NKC.std(axis=1).max(axis=-1) > 1e-3).all()


def test_another_seed_gives_other_draws(head: Head, features_NLD: torch.Tensor) -> None:
    first, other = (draw_by_dropout(head, features_NLD, SHA256S, draws=2, seed=seed) for seed in (0, 1))
    assert (np.abs(first - other).max(axis=(1, 2)) > 1e-3).mean() > 0.9


def test_equal_features_of_two_recordings_get_masks_of_their_own(head: Head, features_NLD: torch.Tensor) -> None:
    probs_NKC = draw_by_dropout(head, features_NLD[[0, 0]], SHA256S[:2], draws=4, seed=0)
    assert np.abs(probs_NKC[0] - probs_NKC[1]).max() > 1e-3


def test_the_mean_of_many_draws_is_near_the_answer_without_dropout(head: Head, features_NLD: torch.Tensor) -> None:
    mean_NC = draw_by_dropout(head, features_NLD[:20], SHA256S[:20], draws=2000, seed=0).mean(axis=1)
    with torch.no_grad():
        plain_NC = head(features_NLD[:20]).softmax(dim=-1).numpy()
    np.testing.assert_allclose(mean_NC, plain_NC, atol=0.03)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"draws": 1}, "draws"),  # one draw cannot disagree with itself
        ({"dropout": "encoder"}, "dropout"),
        ({"seed": -1}, "seed"),
        ({"batch_seconds": 0}, "batch_seconds"),
        ({"drawz": 8}, "drawz"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_that_mean_nothing_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=told):
        MCDropoutSettings.model_validate({"path": "source"} | given)


def test_where_and_how_fast_it_runs_is_no_part_of_the_fingerprint() -> None:
    here = MCDropoutSettings(path=Path("a"), device="cpu", batch_seconds=10)
    there = MCDropoutSettings(path=Path("b"), device="cuda", batch_seconds=240)
    assert here.fingerprint() == there.fingerprint()
    assert here.fingerprint() != MCDropoutSettings(path=Path("a"), draws=9).fingerprint()


def test_importing_the_settings_does_not_import_torch() -> None:
    code = "import sys, tasks.teachers.mc_dropout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
