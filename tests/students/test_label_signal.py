"""LSGMER's student: what it starts from, what it minimises, and a run that goes on from its checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tasks.contracts.errors import TrainingError
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.networks.statistics import statistics_of
from tasks.students.base import Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.label_signal import LabelSignalSettings
from tasks.students.label_signal_loop import new_student
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["angry", "happy", "sad"]
SMALL: dict[str, Any] = {"size": 8, "heads": 2}
PLAIN: dict[str, Any] = {"labels": "fused", "standardise": "teacher", "batch_size": 4, "learning_rate": 0.01}
MakeData = Callable[..., TrainingData]


def settings_of(**given: Any) -> LabelSignalSettings:
    pooling = {} if given.get("start") == "classifier" else {"pooling": SMALL | given.pop("pooling", {})}
    return LabelSignalSettings.model_validate({"steps": 9} | PLAIN | pooling | given)


def train(settings: LabelSignalSettings | MIFuseSettings, head: Head, data: TrainingData) -> Student:
    return settings.train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None)


def bits(head: Head) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in head.state_dict().items()}


def guided(config: ClassifierConfig, **given: Any) -> Head:
    """A classifier with label signals."""
    torch.manual_seed(0)
    return Head(config.model_copy(update={"pooling": LabelSignalPooling(**SMALL | given)}))


def embeddings(head: Head) -> torch.Tensor:
    assert isinstance(head.pooling, LabelSignals)
    return head.pooling.labels_CD.detach()


def test_a_new_head_has_label_signals_whatever_the_classifier_has(head: Head, data_of: MakeData) -> None:
    student = train(settings_of(), head, data_of()).head
    assert student.config.pooling == LabelSignalPooling(**SMALL)
    assert (student.config.classes, student.config.dim) == (head.config.classes, head.config.dim)


def test_it_hears_its_clips_standardised_as_the_classifier_does_or_by_the_target(head: Head, data_of: MakeData) -> None:
    head.mean_LD.fill_(0.5)
    assert torch.equal(train(settings_of(), head, data_of()).head.mean_LD, head.mean_LD)
    by_target = train(settings_of(standardise="target"), head, data_of()).head
    assert torch.equal(by_target.mean_LD, statistics_of(data_of().features).mean_LD)


def test_the_classifier_is_left_as_it_is(head: Head, data_of: MakeData) -> None:
    before = bits(head)
    train(settings_of(standardise="target"), head, data_of())
    assert bits(head) == before


def test_it_starts_from_the_classifiers_own_label_signals_where_that_is_asked(
    config: ClassifierConfig, data_of: MakeData
) -> None:
    classifier = guided(config, moving_average=0.5)
    student = train(settings_of(start="classifier", steps=1, learning_rate=1e-6), classifier, data_of()).head
    torch.testing.assert_close(embeddings(student), embeddings(classifier), atol=1e-5, rtol=0)
    assert student.config.pooling == classifier.config.pooling


def test_a_classifier_without_label_signals_is_no_start(head: Head, data_of: MakeData) -> None:
    with pytest.raises(
        TrainingError, match=r"start is classifier, but the classifier's head pools by `mean`.*start: new"
    ):
        train(settings_of(start="classifier"), head, data_of())


def test_the_pooling_of_a_head_that_is_there_already_cannot_be_set() -> None:
    with pytest.raises(ValidationError, match="`pooling`: with `start: classifier` the head is the classifier's"):
        LabelSignalSettings(start="classifier", pooling=LabelSignalPooling())


def test_without_consistency_and_average_it_is_mi_fuse_with_labels_that_stay(
    config: ClassifierConfig, data_of: MakeData
) -> None:
    """Bit for bit: both are what is added, and nothing else is."""
    classifier = guided(config, consistency=0, moving_average=0)
    same = {"steps": 9, "diversity": 0.5, **PLAIN}
    plain = train(MIFuseSettings(teacher_refresh="never", **same), classifier, data_of())
    bare = train(settings_of(start="classifier"), classifier, data_of())
    assert bits(bare.head) == bits(plain.head)
    assert bare.curves == plain.curves


def test_mi_fuse_goes_on_with_a_classifier_of_label_signals_without_their_part_of_the_loss(
    config: ClassifierConfig, data_of: MakeData
) -> None:
    classifier = guided(config)
    student = train(MIFuseSettings(recipe="paper", steps=6, batch_size=4, learning_rate=0.01), classifier, data_of())
    assert student.head.config.pooling == classifier.config.pooling
    assert bits(student.head)["pooling.to_size.weight"] != bits(classifier)["pooling.to_size.weight"]
    assert "loss_apc" not in student.curves[-1]


def test_the_parts_of_the_loss_add_up_in_the_curves(head: Head, data_of: MakeData) -> None:
    for point in train(settings_of(steps=30), head, data_of()).curves:
        assert {"loss_ce", "loss_div", "loss_apc"} <= set(point)
        parts = sum(value for name, value in point.items() if name.startswith("loss_"))
        assert parts == pytest.approx(point["loss"], abs=1e-5)


def test_after_an_epoch_the_embeddings_are_the_average(head: Head, data_of: MakeData) -> None:
    """Three steps are an epoch. Until its end training is the same with any average."""
    after = []
    for alpha in (0.0, 0.75):
        settings = settings_of(pooling={"moving_average": alpha})
        student = new_student(settings, head)
        start_CD = embeddings(student).clone()
        loop = settings.loop(student, data_of(), CLASSES)
        for _ in range(3):
            loop.advance()
        after.append(embeddings(student).clone())
    torch.testing.assert_close(after[1], 0.75 * start_CD + 0.25 * after[0])


def test_a_training_that_ends_within_an_epoch_ends_with_the_average(head: Head, data_of: MakeData) -> None:
    found = [
        embeddings(train(settings_of(steps=2, pooling={"moving_average": alpha}), head, data_of()).head)
        for alpha in (0.0, 0.75)
    ]
    start_CD = embeddings(new_student(settings_of(), head))
    torch.testing.assert_close(found[1], 0.75 * start_CD + 0.25 * found[0])


@pytest.mark.parametrize("steps", [0, 2, 3, 4])  # three steps are an epoch
def test_a_run_that_goes_on_from_disk_ends_in_the_same_bits(
    tmp_path: Path, head: Head, data_of: MakeData, steps: int
) -> None:
    settings = settings_of()
    whole = train(settings, head, data_of())
    loop = settings.loop(new_student(settings, copy.deepcopy(head)), data_of(), CLASSES)
    for _ in range(steps):
        loop.advance()
    write_checkpoint(tmp_path, loop.checkpoint())
    resumed = settings.train(
        head, data_of(), CLASSES, read_checkpoint(tmp_path), keep=lambda point: None, report=lambda n: None
    )
    assert bits(resumed.head) == bits(whole.head)
    assert resumed.curves == whole.curves


def test_the_same_seed_gives_the_same_bits_and_another_others(head: Head, data_of: MakeData) -> None:
    heads = []
    for chance, seed in enumerate((0, 0, 1)):
        torch.manual_seed(chance)
        heads.append(bits(train(settings_of(seed=seed), head, data_of()).head))
    assert heads[0] == heads[1] != heads[2]


def test_labels_are_made_as_the_recipe_best_makes_them(head: Head, data_of: MakeData) -> None:
    data = data_of(draws=[data_of().draws[0]], rule=None)
    short: dict[str, Any] = {"steps": 3, "batch_size": 4}
    best = train(MIFuseSettings(recipe="best", **short), head, data)
    ours = train(LabelSignalSettings(pooling=LabelSignalPooling(**SMALL), **short), head, data)
    assert ours.labels_NC is not None
    assert best.labels_NC is not None
    assert torch.equal(ours.labels_NC, best.labels_NC)
