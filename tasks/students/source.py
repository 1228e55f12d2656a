"""Trains the source classifier: the teacher that knows another domain. A bootstrap, not a stage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch

from tasks.encoders.features import Part
from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.late_fusion import Named, named_classes
from tasks.networks.statistics import statistics_of
from tasks.students.base import Checkpoint
from tasks.students.source_clips import LabelledClips, Split, split_clips
from tasks.students.source_loop import Course, Loop
from tasks.students.source_network import Hearing, Network, Stored, Weights, new_head
from tasks.students.source_settings import SourceTraining

CODE_VERSION = 2  # raised when the same settings train another classifier: earlier checkpoints are then left alone


class Work(Protocol):
    """Where runs stand, by their names; kept after each epoch, so that a stopped training goes on from there."""

    def found(self, run: str) -> Checkpoint | None:
        """Where an earlier run was stopped."""
        ...

    def keep(self, run: str, checkpoint: Checkpoint) -> None:
        """Replaces what is kept under this name."""
        ...

    def report(self, epochs: int, best_ua: float | None) -> None:
        """Called with the number of epochs that are behind us since the last call, and the run's best UA so far."""
        ...


@dataclass(frozen=True)
class Run:
    """What a seed came to: UA on the clips held out after its best epoch; it stopped after `epochs`."""

    seed: int
    split: Split
    best_epoch: int
    ua: float
    epochs: int
    weights: Weights | None


@dataclass(frozen=True)
class SourceClassifier:
    """A trained head, the runs that led to it, the best of them, and whether all clips were learnt from in the end."""

    head: Head
    runs: Sequence[Run]
    kept: Run
    on_all_clips: bool


def train_source_classifier(
    clips: LabelledClips, config: ClassifierConfig, training: SourceTraining, work: Work, hearing: Hearing | None = None
) -> SourceClassifier:
    """Cross-entropy with label smoothing; the number of epochs is found by UA on speakers held out.

    Over stored features the best run is then repeated on all clips for that many epochs: a fifth of the speakers is
    too much to leave out. Where the encoder is trained too, the best epoch's weights are kept, since a second training
    of that length costs much and may not find such a point again.

    The statistics for standardisation come from the clips learnt from, heard by the encoder as it was before training:
    they are a part of the network and do not move with it.

    Args:
        clips: What there is to learn from.
        config: Of the classifier to make.
        training: How.
        work: Where it is kept how far training is.
        hearing: An encoder to train with the head; afterwards it has the kept run's weights. None: `clips.features`.

    Raises:
        ClipsError: A class has fewer than two clips.
        TrainingError: A loss that is not finite.
    """
    hearing = hearing or Stored(clips.features, torch.device("cpu"))
    trainer = _Trainer(clips, config, training, work, hearing)
    with trainer.threads():
        runs = [trainer.run(training.seed + n) for n in range(training.seeds)]
        # A UA on voices that were heard in training is too high to be compared; of equals the first.
        kept = max(runs, key=lambda run: (run.split.speakers is not None, run.ua))
        if kept.weights is None:
            return SourceClassifier(trainer.again_on_all(kept), runs, kept, on_all_clips=True)
        return SourceClassifier(trainer.as_kept(kept), runs, kept, on_all_clips=False)


class _Trainer:
    """One training of several runs."""

    def __init__(
        self, clips: LabelledClips, config: ClassifierConfig, training: SourceTraining, work: Work, hearing: Hearing
    ) -> None:
        self._clips, self._config, self._training, self._work = clips, config, training, work
        self._hearing = hearing
        self._start = [parameter.detach().clone() for parameter in hearing.trained()]

    def threads(self) -> AbstractContextManager[None]:
        """One thread for small matrices, so that the same input gives the same bits; frames are too large for one."""
        is_small = not self._config.hears_frames and not self._start
        return one_thread() if is_small else nullcontext()

    def run(self, seed: int) -> Run:
        """Trains with one seed until nothing gets better."""
        split = split_clips(self._clips, self._config.classes, self._training.validation, seed)
        network = self._network(split.train, seed)
        course = Course(
            self._clips.labels_N, split.train, split.held_out, seed, self._training.epochs, bool(self._start)
        )
        loop = self._advance(f"seed-{seed}", Loop(self._training, network, course))
        assert loop.best is not None  # a split always holds clips out
        return Run(seed, split, loop.best.epoch, loop.best.ua, loop.epoch, loop.best.weights)

    def again_on_all(self, run: Run) -> Head:
        """Repeats a run on all clips."""
        everything = range(len(self._clips))
        network = self._network(everything, run.seed)
        course = Course(self._clips.labels_N, everything, [], run.seed, run.best_epoch)
        self._advance("all-clips", Loop(self._training, network, course))
        return network.head.cpu().eval()

    def as_kept(self, run: Run) -> Head:
        """The run's best epoch; the encoder gets its weights too."""
        assert run.weights is not None
        network = self._network(run.split.train, run.seed)
        network.set_weights(run.weights)
        return network.head.cpu().eval()

    def _network(self, rows: Sequence[int], seed: int) -> Network:
        with torch.no_grad():
            for parameter, start in zip(self._hearing.trained(), self._start, strict=True):
                parameter.copy_(start)
        statistics = statistics_of(Part(self._clips.features, rows))
        return Network(new_head(self._config, statistics, seed, self._named), self._hearing)

    @cached_property
    def _named(self) -> Named | None:
        """The classes in a zero-shot model's words: once for all runs, and only where the head asks for it."""
        return named_classes(self._config)

    def _advance(self, name: str, loop: Loop) -> Loop:
        if found := self._work.found(name):
            loop.restore(found)
        self._work.report(loop.epoch, loop.best_ua)
        while not loop.is_done:
            loop.advance()
            self._work.keep(name, loop.checkpoint())
            self._work.report(1, loop.best_ua)
        self._work.report(self._training.epochs - loop.epoch, loop.best_ua)  # those that are not needed
        return loop
