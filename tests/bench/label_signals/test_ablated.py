"""Heads with parts taken away, and label embeddings with a meaning."""

import numpy as np
import pytest
import torch

from bench.label_signals.ablated import AblatedPooling, semantic_vectors
from bench.transfers.corpora import CLASSES
from bench.transfers.stand_ins import rng_of
from tasks.encoders.base import Frames
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.label_signal import LabelSignals
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.networks.pooling_settings import PoolingSettings

HEARD = Frames(torch.randn(3, 1, 4, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([4, 4, 4]))


def _built(pooling: PoolingSettings) -> LabelSignals:
    config = ClassifierConfig(
        classes=CLASSES, encoder=LogMelSettings(), encoder_identity={}, n_layers=1, dim=6, pooling=pooling
    )
    assert isinstance(config.pooling, LabelSignalPooling)
    torch.manual_seed(0)
    return config.pooling.build(config)


def _pooled(built: LabelSignals) -> torch.Tensor:
    return built(HEARD.values_BLTD[:, 0], HEARD).detach()


def test_with_nothing_taken_away_it_is_the_product_s_head() -> None:
    expected = _pooled(_built(LabelSignalPooling(size=16)))
    torch.testing.assert_close(_pooled(_built(AblatedPooling(size=16))), expected, rtol=0, atol=0)


def test_without_signals_the_embeddings_do_not_matter() -> None:
    built = _built(AblatedPooling(size=16, signals=False))
    before = _pooled(built)
    built.labels_CD.data += 1
    torch.testing.assert_close(_pooled(built), before, rtol=0, atol=0)


def test_with_signals_they_do() -> None:
    built = _built(AblatedPooling(size=16))
    before = _pooled(built)
    built.labels_CD.data = -built.labels_CD.data
    assert (_pooled(built) - before).abs().max() > 1e-3


def test_cosines_are_those_of_the_circumplex_by_hand() -> None:
    """Angry and happy lie sqrt(2) apart, each 1 from neutral; angry and sad too, happy and sad 2."""
    vectors_CD = semantic_vectors(CLASSES, 32, rng_of("map"))
    near, side, across = np.exp(-1 / 2), np.exp(-2 / 2), np.exp(-4 / 2)
    expected = [[1, side, near, side], [side, 1, near, across], [near, near, 1, near], [side, across, near, 1]]
    np.testing.assert_allclose(vectors_CD @ vectors_CD.T, expected, atol=1e-12)


def test_a_semantic_start_is_as_long_as_a_random_one() -> None:
    random, semantic = (_built(AblatedPooling(size=16, start=start)) for start in ("random", "semantic"))
    length = random.labels_CD.norm(dim=1).mean().item()
    assert semantic.labels_CD.norm(dim=1).tolist() == pytest.approx([length] * 4, rel=1e-5)
