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

from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.encoders.logmel import LogMelSettings
from tasks.maths.masks import clip_keys, keyed_masks
from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.networks.head import Head
from tasks.teachers.mc_dropout import MCDropoutSettings, draw_by_dropout, identity_of_draws, mistakes_in_dropout

CONFIG = ClassifierConfig(
    classes=["a", "b", "c"], encoder={"kind": "logmel"}, encoder_identity={}, n_layers=2, dim=5, hidden=9
)
N, C = 300, 3  # more clips than go through the head at once


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def head() -> Head:
    torch.manual_seed(0)
    return Head(CONFIG).eval()


@pytest.fixture(scope="module")
def means_NLD() -> torch.Tensor:
    return torch.randn(N, 2, 5, generator=torch.Generator().manual_seed(1))


SHA256S = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(N)]


def test_there_are_k_distributions_per_clip(head: Head, means_NLD: torch.Tensor) -> None:
    probs_NKC = draw_by_dropout(head, Means(means_NLD), SHA256S, draws=4, seed=0)
    assert probs_NKC.shape == (N, 4, C)
    np.testing.assert_allclose(probs_NKC.sum(axis=-1), 1, atol=1e-12)
    assert (probs_NKC > 0).all()


def test_each_draw_is_a_pass_with_the_clips_own_masks(head: Head, means_NLD: torch.Tensor) -> None:
    """Written down without torch: what is multiplied with which mask, and the softmax."""
    found_NKC = draw_by_dropout(head, Means(means_NLD[:3]), SHA256S[:3], draws=2, seed=7)
    weights = {name: tensor.detach().double().numpy() for name, tensor in head.state_dict().items()}
    keys_N = clip_keys(SHA256S[:3])
    pooled_NKD = keyed_masks(keys_N, 2, 5, drop=0.2, seed=7, layer=0).double().numpy()
    hidden_NKH = keyed_masks(keys_N, 2, 9, drop=0.2, seed=7, layer=1).double().numpy()
    for n, k in np.ndindex(3, 2):
        pooled_D = means_NLD[n].double().numpy().mean(axis=0) * pooled_NKD[n, k]
        hidden_H = np.maximum(0, weights["to_hidden.weight"] @ pooled_D + weights["to_hidden.bias"]) * hidden_NKH[n, k]
        logits_C = weights["to_logits.weight"] @ hidden_H + weights["to_logits.bias"]
        np.testing.assert_allclose(found_NKC[n, k], np.exp(logits_C) / np.exp(logits_C).sum(), atol=1e-6)


def test_neither_the_order_nor_the_batch_matters(head: Head, means_NLD: torch.Tensor) -> None:
    together_NKC = draw_by_dropout(head, Means(means_NLD), SHA256S, draws=3, seed=0)
    order_N = np.random.default_rng(0).permutation(N)
    turned_NKC = draw_by_dropout(head, Means(means_NLD[order_N]), [SHA256S[n] for n in order_N], draws=3, seed=0)
    np.testing.assert_allclose(turned_NKC, together_NKC[order_N], atol=1e-6)
    alone_KC = draw_by_dropout(head, Means(means_NLD[270:271]), SHA256S[270:271], draws=3, seed=0)[0]
    np.testing.assert_allclose(alone_KC, together_NKC[270], atol=1e-6)


def test_a_repeated_call_gives_the_same_bits_whatever_torchs_seed(head: Head, means_NLD: torch.Tensor) -> None:
    torch.manual_seed(1)
    first = draw_by_dropout(head, Means(means_NLD), SHA256S, draws=3, seed=0)
    torch.manual_seed(2)
    np.testing.assert_array_equal(draw_by_dropout(head, Means(means_NLD), SHA256S, draws=3, seed=0), first)


def test_more_draws_leave_the_first_ones_as_they_are(head: Head, means_NLD: torch.Tensor) -> None:
    five, seven = (draw_by_dropout(head, Means(means_NLD), SHA256S, draws=k, seed=0) for k in (5, 7))
    np.testing.assert_allclose(seven[:, :5], five, atol=1e-6)


def test_the_draws_of_a_clip_differ(head: Head, means_NLD: torch.Tensor) -> None:
    probs_NKC = draw_by_dropout(head, Means(means_NLD), SHA256S, draws=8, seed=0)
    assert (probs_NKC.std(axis=1).max(axis=-1) > 1e-3).all()


def test_another_seed_gives_other_draws(head: Head, means_NLD: torch.Tensor) -> None:
    first, other = (draw_by_dropout(head, Means(means_NLD), SHA256S, draws=2, seed=seed) for seed in (0, 1))
    assert (np.abs(first - other).max(axis=(1, 2)) > 1e-3).mean() > 0.9


def test_equal_features_of_two_recordings_get_masks_of_their_own(head: Head, means_NLD: torch.Tensor) -> None:
    probs_NKC = draw_by_dropout(head, Means(means_NLD[[0, 0]]), SHA256S[:2], draws=4, seed=0)
    assert np.abs(probs_NKC[0] - probs_NKC[1]).max() > 1e-3


def test_the_mean_of_many_draws_is_near_the_answer_without_dropout(head: Head, means_NLD: torch.Tensor) -> None:
    mean_NC = draw_by_dropout(head, Means(means_NLD[:20]), SHA256S[:20], draws=2000, seed=0).mean(axis=1)
    with torch.no_grad():
        plain_NC = head(Frames.of_means(means_NLD[:20])).softmax(dim=-1).numpy()
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


def test_numbers_of_draws_are_taken_as_they_are(head: Head, means_NLD: torch.Tensor) -> None:
    found = draw_by_dropout(head, Means(means_NLD), SHA256S, draws=(8, 9), seed=0)
    ten = draw_by_dropout(head, Means(means_NLD), SHA256S, draws=10, seed=0)
    np.testing.assert_allclose(found, ten[:, 8:], atol=1e-6)


@pytest.fixture
def teacher(tmp_path: Path, head: Head) -> MCDropoutSettings:
    save_classifier(tmp_path / "classifier", head, CONFIG)
    return MCDropoutSettings(path=tmp_path / "classifier")


def identity(
    teacher: MCDropoutSettings, config: ClassifierConfig | None = None, statistics: Path | None = None
) -> dict[str, Any]:
    return identity_of_draws(teacher, config or CONFIG, statistics)


@pytest.mark.parametrize(
    "changed",
    [{"seed": 1}, {"dropout": "all"}],
    ids=str,
)
def test_settings_that_decide_a_draw_are_in_its_identity(teacher: MCDropoutSettings, changed: dict[str, Any]) -> None:
    assert identity(teacher.model_copy(update=changed)) != identity(teacher)


@pytest.mark.parametrize(
    "changed",
    [{"draws": 9}, {"device": "cuda"}, {"batch_seconds": 1.0}, {"torch_threads": 1}],
    ids=str,
)
def test_settings_that_decide_none_are_not(teacher: MCDropoutSettings, changed: dict[str, Any]) -> None:
    """Raised from 8 to 9, the eight are kept."""
    assert identity(teacher.model_copy(update=changed)) == identity(teacher)


@pytest.mark.parametrize(
    "changed",
    [{"dropout": 0.3}, {"encoder_identity": {"precision": "bfloat16"}}, {"encoder_identity": {"revision": "1"}}],
    ids=str,
)
def test_the_encoder_and_the_heads_dropout_are_in_it(teacher: MCDropoutSettings, changed: dict[str, Any]) -> None:
    assert identity(teacher, CONFIG.model_copy(update=changed)) != identity(teacher)


def test_where_frames_are_kept_is_not(teacher: MCDropoutSettings) -> None:
    assert identity(teacher, CONFIG.model_copy(update={"frames": "recompute"})) == identity(teacher)


def test_the_heads_weights_and_the_targets_statistics_are_in_it(teacher: MCDropoutSettings, tmp_path: Path) -> None:
    before, statistics = identity(teacher), tmp_path / "statistics.parquet"
    statistics.write_bytes(b"one")
    first = identity(teacher, statistics=statistics)
    statistics.write_bytes(b"two")
    save_classifier(teacher.path, Head(CONFIG), CONFIG)
    assert (
        len({str(each) for each in (before, first, identity(teacher, statistics=statistics), identity(teacher))}) == 4
    )


def test_all_dropouts_on_logmel_are_a_mistake_in_pipelines_yaml() -> None:
    everything = MCDropoutSettings(path=Path("a"), dropout="all")
    (told,) = mistakes_in_dropout("mine", everything, LogMelSettings())
    assert told.startswith("teachers.mine.dropout: all needs an encoder with dropout; source.encoder is logmel")
    assert not list(mistakes_in_dropout("mine", everything, None))
    assert not list(mistakes_in_dropout("mine", MCDropoutSettings(path=Path("a")), LogMelSettings()))


def test_importing_the_settings_does_not_import_torch() -> None:
    code = "import sys, tasks.teachers.mc_dropout; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
