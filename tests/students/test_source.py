"""The source classifier: the runs of its seeds, and what becomes of the best of them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import Means
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.source import SourceClassifier, train_source_classifier
from tasks.students.source_clips import LabelledClips
from tasks.students.source_settings import SourceTraining
from tests.students.source_toys import LAYERS, MemoryWork, toy

TWO = ["calm", "excited"]


@pytest.fixture
def config(config: ClassifierConfig) -> ClassifierConfig:
    return config.model_copy(update={"hidden": 64})


def train(clips: LabelledClips, config: ClassifierConfig, work: MemoryWork | None = None, **given: Any) -> Any:
    made: SourceClassifier = train_source_classifier(clips, config, SourceTraining(**given), work or MemoryWork())
    return made


def logits_of(head: Head, clips: LabelledClips) -> torch.Tensor:
    with torch.no_grad():
        logits_NC: torch.Tensor = head(clips.features.rows(range(len(clips))))
    return logits_NC


def same(one: Head, other: Head) -> bool:
    return all(torch.equal(other.state_dict()[name], tensor) for name, tensor in one.state_dict().items())


def test_it_learns_what_can_be_told_apart(config: ClassifierConfig) -> None:
    head, heard = train(toy(150), config).head, toy(300, seed=1)
    assert (logits_of(head, heard).argmax(dim=-1) == heard.labels_N).float().mean() > 0.95


def test_ua_on_speakers_held_out_is_high_where_speakers_are_alike(config: ClassifierConfig) -> None:
    assert train(toy(240), config).kept.ua > 0.9


def test_it_standardises_by_all_the_clips_that_it_learns_from_in_the_end(config: ClassifierConfig) -> None:
    clips = toy(30)
    head = train(clips, config).head
    means_NLD = clips.features.rows(range(30)).means_BLD()
    torch.testing.assert_close(head.mean_LD, means_NLD.mean(dim=0))
    torch.testing.assert_close(head.std_LD, means_NLD.std(dim=0, unbiased=False))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(config: ClassifierConfig) -> None:
    torch.manual_seed(1)
    first = train(toy(30), config, epochs=5).head
    torch.manual_seed(2)
    assert same(first, train(toy(30), config, epochs=5).head)
    assert not same(first, train(toy(30), config, epochs=5, seed=1).head)


def test_the_random_numbers_of_others_are_left_alone(config: ClassifierConfig) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(toy(9), config, epochs=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_comes_ready_to_predict_and_never_quite_sure(config: ClassifierConfig) -> None:
    """Label smoothing of 0.1 over three classes: the best answer to a clear clip is 0.933."""
    head = train(toy(600), config, patience=60, learning_rate=0.01).head
    assert not head.training
    sure_N = logits_of(head, toy(600)).softmax(dim=-1).amax(dim=-1)
    assert 0.85 < sure_N.mean() < 0.97


def test_without_label_smoothing_it_is_sure(config: ClassifierConfig) -> None:
    head = train(toy(600), config, patience=60, learning_rate=0.01, label_smoothing=0).head
    assert logits_of(head, toy(600)).softmax(dim=-1).amax(dim=-1).mean() > 0.99


def test_one_clip_more_than_a_batch_is_no_trouble(config: ClassifierConfig) -> None:
    assert torch.isfinite(train(toy(33), config, epochs=2).head.to_logits.weight).all()


@pytest.mark.parametrize("seed", range(3))
def test_validation_is_by_voices_that_were_not_heard(config: ClassifierConfig, seed: int) -> None:
    """Each speaker means the opposite by the same sound, so only a classifier that heard them could be right."""
    speakers = [str(i // 8) for i in range(16)]
    labels_N = torch.arange(16) % 2
    sign_N = torch.tensor([1.0 if label == int(s) else -1.0 for label, s in zip(labels_N, speakers, strict=True)])
    features_NLD = torch.zeros(16, LAYERS, 5)
    features_NLD[..., 0] = 3 * sign_N[:, None]
    clips, two = LabelledClips(Means(features_NLD), labels_N, speakers), config.model_copy(update={"classes": TWO})
    assert train(clips, two, seed=seed, learning_rate=0.1).kept.ua == 0


def test_a_class_that_no_held_out_clip_has_does_not_count(config: ClassifierConfig) -> None:
    """Each speaker is of one class, and one clip in four sounds like the other: UA is 0.75, not 0.375."""
    speakers = [str(i // 8) for i in range(32)]
    labels_N = torch.tensor([int(s) % 2 for s in speakers])
    sounds_N = torch.where(torch.arange(32) % 4 == 0, 1 - labels_N, labels_N)
    features_NLD = torch.zeros(32, LAYERS, 5)
    features_NLD[torch.arange(32), :, sounds_N] = 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        two = config.model_copy(update={"classes": TWO})
        made = train(LabelledClips(Means(features_NLD), labels_N, speakers), two, learning_rate=0.01)
    assert made.kept.ua == 0.75


def test_each_seed_has_its_own_speakers_held_out(config: ClassifierConfig) -> None:
    made = train(toy(90, tuple("abcdefghij")), config, seeds=3, seed=4, epochs=3)
    assert [run.seed for run in made.runs] == [4, 5, 6]
    assert len({tuple(run.split.held_out) for run in made.runs}) == 3


def test_the_best_seed_is_kept_and_trained_again_as_it_was_alone(config: ClassifierConfig) -> None:
    clips = toy(60, apart=1)
    made = train(clips, config, seeds=4, epochs=6)
    assert made.kept.ua == max(run.ua for run in made.runs)
    assert min(run.ua for run in made.runs) < made.kept.ua
    assert made.on_all_clips
    assert same(made.head, train(clips, config, seed=made.kept.seed, epochs=6).head)


def test_training_on_all_clips_takes_as_many_epochs_as_the_best_run_had(config: ClassifierConfig) -> None:
    work = MemoryWork()
    made = train(toy(60, apart=1), config, work, epochs=12, patience=3)
    again = [epoch for run, epoch in work.epochs if run == "all-clips"]
    assert again == list(range(1, made.kept.best_epoch + 1))


def test_the_bar_reaches_its_end_though_runs_stop_early(config: ClassifierConfig) -> None:
    work = MemoryWork()
    train(toy(90, apart=1), config, work, epochs=40, patience=2, seeds=2)
    assert len(work.epochs) < 3 * 40
    assert work.told == 3 * 40


def test_a_learning_rate_that_is_far_too_high_is_told(config: ClassifierConfig) -> None:
    clips = toy(60)
    with pytest.raises(
        TrainingError, match=r"(the loss|the gradient) is .* in epoch \d+\. Lower source\.learning_rate"
    ):
        train(clips, config, learning_rate=1e30)
