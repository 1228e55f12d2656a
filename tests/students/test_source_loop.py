"""One run of the source classifier: its loss, its learning rates, when it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.statistics import statistics_of
from tasks.students.source_loop import Course, Loop, class_weights, unweighted_accuracy
from tasks.students.source_network import Hearing, Network, Stored, new_head
from tasks.students.source_settings import SourceTraining
from tests.students.source_toys import toy

CPU = torch.device("cpu")
CLIPS = toy(45, apart=1)
COURSE = Course(CLIPS.labels_N, range(30), range(30, 45), seed=0, epochs=60)


class Silent(Stored):
    """Clips in which all features are equal: nothing can be learnt, and nobody gets better."""

    def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None) -> Frames:
        heard = super().rows(rows_B, dropout)
        return Frames(torch.full_like(heard.values_BLTD, 100.0), heard.n_frames_B)


class Greedy(Stored):
    """Memory runs out, in learning or in validation."""

    in_validation = False

    def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None) -> Frames:
        if self.in_validation and dropout is not None:
            return super().rows(rows_B, dropout)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def loop_of(config: ClassifierConfig, hearing: Hearing | None = None, **given: Any) -> tuple[Loop, Network]:
    network = Network(new_head(config, statistics_of(CLIPS.features), 0), hearing or Stored(CLIPS.features, CPU))
    return Loop(SourceTraining(**given), network, COURSE), network


def test_it_ends_after_so_many_epochs_without_a_better_one(config: ClassifierConfig) -> None:
    loop, _ = loop_of(config, patience=4, learning_rate=0.1)
    while not loop.is_done:
        loop.advance()
    assert loop.best is not None
    assert loop.epoch == loop.best.epoch + 4 < 60


def test_the_best_epoch_is_the_one_with_the_highest_ua_and_among_equals_the_lowest_loss(
    config: ClassifierConfig,
) -> None:
    loop, network = loop_of(config, patience=60, epochs=40)
    found: list[tuple[float, float, int]] = []
    for epoch in range(1, 41):
        loop.advance()
        logits_NC = network.sure_logits(COURSE.held_out)
        labels_N = CLIPS.labels_N[30:]
        weights_C = class_weights(SourceTraining(), CLIPS.labels_N[:30])
        loss = nn.functional.cross_entropy(logits_NC, labels_N, weights_C, label_smoothing=0.1)
        found.append((unweighted_accuracy(labels_N, logits_NC), -loss.item(), -epoch))
    assert loop.best is not None
    assert (loop.best.ua, -loop.best.loss, -loop.best.epoch) == pytest.approx(max(found))


def test_nothing_to_learn_ends_it_soon(config: ClassifierConfig) -> None:
    loop, _ = loop_of(config, Silent(CLIPS.features, CPU), patience=3, learning_rate=1e-12)
    while not loop.is_done:
        loop.advance()
    assert loop.epoch < 60


def test_the_learning_rate_falls_to_nothing_over_all_epochs_wherever_the_run_ends() -> None:
    training = SourceTraining(epochs=8)
    assert [training.learning_rate_factor(done) for done in (0, 2, 4, 8, 9)] == pytest.approx(
        [1, 0.5 + math.sqrt(0.5) / 2, 0.5, 0, 0]
    )


def test_the_encoder_learns_at_its_own_rate(config: ClassifierConfig) -> None:
    class Trained(Stored):
        scale = nn.Parameter(torch.ones(1))

        def trained(self) -> list[nn.Parameter]:
            return [self.scale]

        def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None) -> Frames:
            heard = super().rows(rows_B, dropout)
            return Frames(heard.values_BLTD * self.scale, heard.n_frames_B)

    loop, _ = loop_of(config, Trained(CLIPS.features, CPU), encoder_learning_rate=1e-5, batch_size=30, weight_decay=0)
    loop.advance()
    assert abs(Trained.scale.item() - 1) == pytest.approx(1e-5, rel=0.02)  # Adam's first step is as long as its rate


@pytest.mark.parametrize(("kind", "weights"), [("balanced", [10 / 18, 10 / 9, 10 / 3]), ("none", None)])
def test_class_weights_are_n_over_c_times_n_c(kind: str, weights: list[float] | None) -> None:
    labels_N = torch.tensor([0] * 6 + [1] * 3 + [2])
    found = class_weights(SourceTraining.model_validate({"class_weights": kind}), labels_N)
    assert (found if found is None else found.tolist()) == (weights if weights is None else pytest.approx(weights))


def test_balanced_weights_count_only_the_clips_that_are_learnt_from(config: ClassifierConfig) -> None:
    labels_N = torch.tensor([0, 0, 0, 1, 2] * 6 + [2] * 15)
    network = Network(new_head(config, statistics_of(CLIPS.features), 0), Stored(CLIPS.features, CPU))
    loop = Loop(SourceTraining(), network, Course(labels_N, range(30), range(30, 45), 0, 60))
    assert loop.class_weights_C is not None
    assert loop.class_weights_C.tolist() == pytest.approx([30 / 54, 30 / 18, 30 / 18])


def test_ua_is_the_mean_recall_of_the_classes_that_occur() -> None:
    labels_N = torch.tensor([0, 0, 0, 0, 2, 2])
    named_N = torch.tensor([0, 0, 0, 1, 2, 1])
    logits_NC = nn.functional.one_hot(named_N, 3).float()
    assert unweighted_accuracy(labels_N, logits_NC) == pytest.approx((3 / 4 + 1 / 2) / 2)


@pytest.mark.parametrize("in_validation", [False, True])
def test_a_step_that_needs_too_much_memory_is_told(config: ClassifierConfig, in_validation: bool) -> None:
    greedy = Greedy(CLIPS.features, CPU)
    greedy.in_validation = in_validation
    loop, _ = loop_of(config, greedy, batch_size=16)
    with pytest.raises(
        TrainingError, match=r"not enough memory on cpu for a step over 16 clips\. Lower source.batch_size"
    ):
        loop.advance()
