"""A student of `recipe: best`: what it learns from, what it keeps, and that a run cut off ends in the same bits."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.relabelling import relabelled
from tests.students import finetune_toys
from tests.students.relabelling_toys import CLASSES, SPEAKERS, clips, named_by, target_of
from tests.students.source_toys import save_wavlm


def settings_of(**given: Any) -> MIFuseSettings:
    return MIFuseSettings.model_validate({"steps": 20, "batch_size": 16, "learning_rate": 0.01} | given)


def train(head: Head, data: TrainingData, resume: Checkpoint | None = None, **given: Any) -> Student:
    called = {"keep": lambda point: None, "report": lambda steps: None}
    return settings_of(**given).train(head, data, CLASSES, resume, **called)


def test_it_says_what_it_learnt_from(head: Head) -> None:
    student = train(head, target_of(clips(), speakers=SPEAKERS))
    assert student.labels_NC is not None
    assert torch.equal(student.labels_NC, relabelled(head, target_of(clips(), speakers=SPEAKERS), seed=0).labels_NC)


def test_the_papers_student_learns_from_the_pipelines_labels_and_has_no_others(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    assert train(head, data_of(), recipe="paper").labels_NC is None


@pytest.mark.parametrize("standardise", ["target", "teacher"])
def test_it_keeps_the_statistics_that_the_setting_names(head: Head, standardise: str) -> None:
    """Of the target's clips as they are, whoever speaks: a student is not told that when it is used."""
    data = target_of(clips(), speakers=SPEAKERS)
    expected = statistics_of(data.features).mean_LD if standardise == "target" else head.mean_LD
    assert torch.equal(train(head, data, standardise=standardise).head.mean_LD, expected)


def test_it_learns_what_the_labels_say(head: Head) -> None:
    means_NLD = clips()
    student = train(head, target_of(means_NLD), steps=200)
    with torch.no_grad():
        assert named_by(student.head(Frames.of_means(means_NLD))) > 0.9


def test_the_pipelines_labels_change_nothing(head: Head) -> None:
    """Every clip has draws of the classifier: none is left with the label that it came with."""
    one, other = (target_of(clips(), labels_NC=torch.eye(3)[torch.full((240,), c)]) for c in (0, 1))
    assert torch.equal(train(head, one).head.to_logits.weight, train(head, other).head.to_logits.weight)


@pytest.mark.parametrize("steps", [0, 7, 16])  # fifteen steps are an epoch
def test_a_run_that_goes_on_from_disk_ends_in_the_same_bits(tmp_path: Path, head: Head, steps: int) -> None:
    """The labels are made again, and are the same."""
    data, settings = target_of(clips(), speakers=SPEAKERS), settings_of()
    whole = train(head, data)
    begun = copy.deepcopy(head)
    loop = settings.loop(begun, settings.prepared(begun, data, CLASSES), CLASSES)
    for _ in range(steps):
        loop.advance()
    write_checkpoint(tmp_path, loop.checkpoint())
    resumed = train(head, data, read_checkpoint(tmp_path))
    for name, tensor in whole.head.state_dict().items():
        assert torch.equal(resumed.head.state_dict()[name], tensor), name
    assert resumed.curves == whole.curves
    assert resumed.labels_NC is not None
    assert whole.labels_NC is not None
    assert torch.equal(resumed.labels_NC, whole.labels_NC)


def test_fewer_than_two_clips_are_refused_before_they_are_labelled(head: Head) -> None:
    data = replace(target_of(clips()), features=Means(clips()[:1]), labels_NC=torch.full((1, 3), 1 / 3))
    with pytest.raises(TrainingError, match="1 clips have a pseudo-label; training needs at least 2"):
        train(head, data)


def test_an_encoder_in_training_learns_the_labels_of_its_stored_features(tmp_path: Path) -> None:
    files, encoder = finetune_toys.record(tmp_path / "audio"), save_wavlm(tmp_path / "wavlm")
    tuning = finetune_toys.Tuning(encoder, files, tmp_path / "features", recipe="best")
    before = [parameter.detach().clone() for parameter in tuning.clips.trained()]
    expected_NC = relabelled(tuning.head, tuning.stored, seed=0).labels_NC
    data = replace(tuning.data, stored=tuning.stored.features)
    called = {"keep": lambda point: None, "report": lambda steps: None}
    student = tuning.settings.train(tuning.head, data, finetune_toys.CLASSES, None, **called)
    assert student.labels_NC is not None
    assert torch.equal(student.labels_NC, expected_NC)
    assert torch.equal(student.head.mean_LD, statistics_of(tuning.stored.features).mean_LD)
    pairs = zip(before, tuning.clips.trained(), strict=True)
    assert any(not torch.equal(was, now) for was, now in pairs)
