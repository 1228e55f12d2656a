"""Where label embeddings start that a text encoder places: the same angles in another space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.text import TextSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.networks.label_signal_start import lifted, start_at_words
from tests.encoders.text_models import save_text_model

VECTORS_CV = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)) + 5


def cosines(vectors_CD: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cosine_similarity(vectors_CD[:, None], vectors_CD, dim=-1)


@pytest.mark.parametrize("size", [6, 9, 64])
def test_angles_from_the_mean_stay_as_they_are_in_a_space_that_is_not_smaller(size: int) -> None:
    centred = VECTORS_CV - VECTORS_CV.mean(dim=0)
    torch.testing.assert_close(cosines(lifted(VECTORS_CV, size, seed=1)), cosines(centred), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [3, 6, 64])
def test_each_is_as_long_as_one_drawn_by_chance_is_on_average(size: int) -> None:
    torch.testing.assert_close(lifted(VECTORS_CV, size, seed=1).norm(dim=1), torch.full((4,), size**0.5))


def test_the_directions_are_drawn_by_the_seed() -> None:
    assert torch.equal(lifted(VECTORS_CV, 9, seed=1), lifted(VECTORS_CV, 9, seed=1))
    assert not torch.allclose(lifted(VECTORS_CV, 9, seed=1), lifted(VECTORS_CV, 9, seed=2))


def test_vectors_that_are_all_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="no direction of its own"):
        lifted(torch.full((4, 6), 2.0), 9, seed=1)


def test_a_new_head_starts_at_its_classes_names_and_needs_the_model_no_more(
    tmp_path: Path, config_of: Callable[..., ClassifierConfig]
) -> None:
    words = TextSettings(model=str(save_text_model(tmp_path / "text")))
    head = Head(config_of(pooling=LabelSignalPooling(size=32, heads=4, words=words)))
    start_at_words(head, seed=3)
    layers_CLV, _ = words.build("cpu").read(head.config.classes)
    assert isinstance(head.pooling, LabelSignals)
    assert torch.equal(head.pooling.labels_CD.detach(), lifted(torch.from_numpy(layers_CLV[:, -1]), 32, seed=3))
    assert head.config.pooling == LabelSignalPooling(size=32, heads=4)


def test_another_text_encoder_in_the_same_place_is_another_setting(tmp_path: Path) -> None:
    pooling = LabelSignalPooling(words=TextSettings(model=str(save_text_model(tmp_path / "text"))))
    before = pooling.fingerprint()
    save_text_model(tmp_path / "text", seed=1)
    assert pooling.fingerprint() != before


def test_a_text_encoder_that_is_not_there_is_told(tmp_path: Path, config_of: Callable[..., ClassifierConfig]) -> None:
    words = TextSettings(model=str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="nowhere"):
        start_at_words(Head(config_of(pooling=LabelSignalPooling(words=words))), seed=0)
