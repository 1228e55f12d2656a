"""What is said of the source's clips and of the training."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasks.encoders.features import Means
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.source import Run, SourceClassifier
from tasks.students.source_clips import LabelledClips, Split
from tasks.students.source_told import told_clips, told_training

CLASSES = ["angry", "happy", "sad"]


def clips_of(speakers: list[str]) -> LabelledClips:
    labels_N = torch.tensor([0, 0, 1, 1, 2, 2])
    return LabelledClips(Means(torch.zeros(6, 1, 1)), labels_N, speakers)


@pytest.mark.parametrize(
    ("speakers", "told"),
    [
        (list("aabbcc"), "6 clips of 3 speakers: angry 2, happy 2, sad 2"),
        (["a"] * 6, "6 clips of 1 speaker: angry 2, happy 2, sad 2"),
        ([""] * 6, "6 clips: angry 2, happy 2, sad 2"),
        ([*"aabb", "", ""], "6 clips of 2 speakers and 2 of unknown ones, taken for one speaker more: angry"),
    ],
    ids=["several", "one", "none", "some"],
)
def test_clips_are_counted_by_class_and_speakers(speakers: list[str], told: str) -> None:
    assert told_clips(clips_of(speakers), CLASSES).startswith(told)


def told(config: ClassifierConfig, *runs: Run, on_all: bool = True, **given: Any) -> list[str]:
    kept = max(runs, key=lambda run: run.ua)
    made = SourceClassifier(Head(config), runs, kept, on_all_clips=on_all)
    return list(told_training(made, clips_of(list("aabbcc")), CLASSES, 60))


def run(split: Split, seed: int = 0, ua: float = 0.75, epoch: int = 7) -> Run:
    return Run(seed, split, epoch, ua, epoch + 10, None)


ALL_CLASSES = Split([1, 3, 5], [0, 2, 4], ["a", "b"])


def test_a_run_says_who_was_held_out_and_when_it_was_best(config: ClassifierConfig) -> None:
    assert told(config, run(ALL_CLASSES)) == [
        "seed 0: speakers a, b held out (3 clips); UA 75.0%; best after 7 epochs, stopped after 17 of 60",
        "trained again on all 6 clips, for 7 epochs",
    ]


def test_many_speakers_are_counted_not_named(config: ClassifierConfig) -> None:
    [line, _] = told(config, run(Split([1, 3, 5], [0, 2, 4], list("abcde"))))
    assert "5 speakers held out (3 clips)" in line


def test_a_class_that_is_not_validated_is_named(config: ClassifierConfig) -> None:
    [line, _] = told(config, run(Split([2, 3, 4, 5], [0, 1], ["a"])))
    assert "speaker a held out (2 clips); UA 75.0%, without happy, sad, of which no clip is held out" in line


def test_without_speakers_held_out_the_ua_is_called_too_high(config: ClassifierConfig) -> None:
    [line, _] = told(config, run(Split([1, 3, 5], [0, 2, 4], None, "no speaker is known")))
    assert "3 clips held out, not whole speakers, for no speaker is known; UA 75.0% (too high for other voices)" in line


def test_several_seeds_are_told_with_mean_and_spread(config: ClassifierConfig) -> None:
    lines = told(config, run(ALL_CLASSES, 0, 0.7), run(ALL_CLASSES, 1, 0.8), run(ALL_CLASSES, 2, 0.75))
    assert [line[:7] for line in lines[:3]] == ["seed 0:", "seed 1:", "seed 2:"]
    assert lines[3] == "3 seeds: UA 75.0% ± 5.0; kept: seed 1"


def test_a_fine_tuned_network_says_that_it_has_not_learnt_from_all(config: ClassifierConfig) -> None:
    *_, last = told(config, run(ALL_CLASSES, epoch=1), on_all=False)
    assert last == "kept as it was after 1 epoch; the clips held out were not learnt from"
