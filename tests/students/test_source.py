"""The source classifier: cross-entropy on labelled clips, and its UA on speakers that it did not hear."""

import warnings
from collections.abc import Sequence

import pytest
import torch

from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.source import LabelledClips, held_out_ua, train_source_classifier

LAYERS, DIM = 2, 5


@pytest.fixture
def config(config: ClassifierConfig) -> ClassifierConfig:
    return config.model_copy(update={"hidden": 64})


def toy(n: int, speakers: Sequence[str] = ("a", "b", "c", "d", "e"), seed: int = 0) -> LabelledClips:
    """Three clouds that are far from each other; the label has nothing to do with the speaker."""
    generator = torch.Generator().manual_seed(seed)
    labels_N = torch.arange(n) % 3
    features_NLD = torch.randn(n, LAYERS, DIM, generator=generator)
    features_NLD[torch.arange(n), :, labels_N] += 6
    return LabelledClips(10 * features_NLD + 100, labels_N, [speakers[i // 3 % len(speakers)] for i in range(n)])


def accuracy(head: Head, clips: LabelledClips) -> float:
    with torch.no_grad():
        return float((head(clips.features_NLD).argmax(dim=-1) == clips.labels_N).float().mean())


def test_it_learns_what_can_be_told_apart(config: ClassifierConfig) -> None:
    head = train_source_classifier(toy(150), config, seed=0)
    assert accuracy(head, toy(300, seed=1)) > 0.95


def test_it_standardises_by_the_clips_that_it_learns_from(config: ClassifierConfig) -> None:
    clips = toy(30)
    head = train_source_classifier(clips, config, seed=0)
    torch.testing.assert_close(head.mean_LD, clips.features_NLD.mean(dim=0))
    torch.testing.assert_close(head.std_LD, clips.features_NLD.std(dim=0, unbiased=False))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(config: ClassifierConfig) -> None:
    torch.manual_seed(1)
    first = train_source_classifier(toy(30), config, seed=0)
    torch.manual_seed(2)
    again = train_source_classifier(toy(30), config, seed=0)
    other = train_source_classifier(toy(30), config, seed=1)
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in first.state_dict().items())
    assert not torch.equal(other.to_logits.weight, first.to_logits.weight)


def test_the_random_numbers_of_others_are_left_alone(config: ClassifierConfig) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train_source_classifier(toy(9), config, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_comes_ready_to_predict_and_never_quite_sure(config: ClassifierConfig) -> None:
    """Label smoothing of 0.1 over three classes: the best answer to a clear clip is 0.933."""
    head = train_source_classifier(toy(600), config, seed=0)
    assert not head.training
    with torch.no_grad():
        sure_N = head(toy(600).features_NLD).softmax(dim=-1).amax(dim=-1)
    assert 0.85 < sure_N.mean() < 0.97


def test_one_clip_more_than_a_batch_is_no_trouble(config: ClassifierConfig) -> None:
    assert torch.isfinite(train_source_classifier(toy(33), config, seed=0).to_logits.weight).all()


def test_ua_on_speakers_held_out_is_high_where_speakers_are_alike(config: ClassifierConfig) -> None:
    ua = held_out_ua(toy(240), config, seed=0)
    assert ua is not None
    assert ua > 0.9


@pytest.mark.parametrize("speakers", [("a",), ("",)], ids=["one", "unknown"])
def test_without_a_second_speaker_there_is_no_ua(config: ClassifierConfig, speakers: Sequence[str]) -> None:
    assert held_out_ua(toy(9, speakers), config, seed=0) is None


@pytest.mark.parametrize("seed", range(3))
def test_whole_speakers_are_held_out(config: ClassifierConfig, seed: int) -> None:
    """Each speaker means the opposite by the same sound, so only a classifier that heard them could be right."""
    speakers = [str(i // 8) for i in range(16)]
    labels_N = torch.arange(16) % 2
    sign_N = torch.tensor([1.0 if label == int(s) else -1.0 for label, s in zip(labels_N, speakers, strict=True)])
    features_NLD = torch.zeros(16, LAYERS, DIM)
    features_NLD[..., 0] = 3 * sign_N[:, None]
    ua = held_out_ua(LabelledClips(features_NLD, labels_N, speakers), config, seed)
    assert ua == 0


def test_a_class_that_no_held_out_clip_has_does_not_count(config: ClassifierConfig) -> None:
    """Each speaker is of one class, and one clip in four sounds like the other: UA is 0.75, not 0.375."""
    speakers = [str(i // 8) for i in range(32)]
    labels_N = torch.tensor([int(s) % 2 for s in speakers])
    sounds_N = torch.where(torch.arange(32) % 4 == 0, 1 - labels_N, labels_N)
    features_NLD = torch.zeros(32, LAYERS, DIM)
    features_NLD[torch.arange(32), :, sounds_N] = 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ua = held_out_ua(LabelledClips(features_NLD, labels_N, speakers), config, seed=0)
    assert ua == 0.75
