"""What all baselines promise: the common recipe, reproducible bits, a run that goes on from its checkpoint."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import Means
from tasks.networks.head import Head
from tasks.students.aad import AaDSettings
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.dine import DINESettings
from tasks.students.nrc import NRCSettings
from tasks.students.prode import ProDeSettings
from tasks.students.shot import SHOTSettings
from tasks.students.shot_family import SHOTFamilySettings
from tests.students.baseline_toys import CLASSES

MakeData = Callable[..., TrainingData]
Kind = type[SHOTFamilySettings]
every_kind = pytest.mark.parametrize(
    "kind", [SHOTSettings, NRCSettings, AaDSettings, DINESettings, ProDeSettings], ids=lambda kind: kind().kind
)


def train(settings: SHOTFamilySettings, head: Head, data: TrainingData, resume: Checkpoint | None = None) -> Student:
    return settings.train(head, data, CLASSES, resume, keep=lambda point: None, report=lambda n: None)


def bits(head: Head) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in head.state_dict().items()}


@every_kind
@pytest.mark.parametrize("steps", [0, 3, 4, 7])  # four steps are an epoch; DINE renews every second
def test_a_run_that_goes_on_from_disk_ends_in_the_same_bits(
    tmp_path: Path, head: Head, data_of: MakeData, kind: Kind, steps: int
) -> None:
    settings = kind(steps=20, batch_size=3)
    whole = train(settings, head, data_of())
    loop = settings.loop(copy.deepcopy(head), data_of(), CLASSES)
    for _ in range(steps):
        loop.advance()
    write_checkpoint(tmp_path, loop.checkpoint())
    resumed = train(settings, head, data_of(), read_checkpoint(tmp_path))
    assert bits(resumed.head) == bits(whole.head)
    assert resumed.curves == whole.curves


@every_kind
def test_the_same_seed_gives_the_same_bits_and_another_others(head: Head, data_of: MakeData, kind: Kind) -> None:
    heads = []
    for chance, seed in enumerate((0, 0, 1)):
        torch.manual_seed(chance)
        heads.append(bits(train(kind(steps=9, batch_size=4, seed=seed), head, data_of()).head))
    assert heads[0] == heads[1] != heads[2]


@every_kind
def test_the_classifier_that_it_starts_from_is_left_as_it_is(head: Head, data_of: MakeData, kind: Kind) -> None:
    before = bits(head.eval())
    student = train(kind(steps=5, batch_size=4), head, data_of()).head
    assert bits(head) == before
    assert head.to_logits.weight.requires_grad
    assert not student.training
    assert bits(student)["to_hidden.weight"] != before["to_hidden.weight"]


@every_kind
def test_the_parts_of_the_loss_add_up_in_the_curves(head: Head, data_of: MakeData, kind: Kind) -> None:
    for point in train(kind(steps=30, batch_size=4), head, data_of()).curves:
        parts = [value for name, value in point.items() if name.startswith("loss_")]
        assert len(parts) >= 2
        assert sum(parts) == pytest.approx(point["loss"], abs=1e-5)


@every_kind
def test_a_learning_rate_that_blows_up_is_told_as_such(head: Head, data_of: MakeData, kind: Kind) -> None:
    with pytest.raises(TrainingError, match=r"Lower student\.learning_rate \(now 1e\+30\)"):
        train(kind(steps=9, batch_size=4, learning_rate=1e30, clip_norm=1e30), head, data_of())


@every_kind
def test_features_that_are_not_finite_stop_training_wherever_they_are(
    head: Head, data_of: MakeData, kind: Kind
) -> None:
    means_NLD = torch.randn(12, 2, 5)
    means_NLD[7, 0, 0] = torch.nan
    with pytest.raises(TrainingError, match="clip 8: its features are not finite"):
        train(kind(steps=3, batch_size=4), head, data_of(features=Means(means_NLD)))


@every_kind
def test_one_clip_is_not_enough(head: Head, data_of: MakeData, kind: Kind) -> None:
    with pytest.raises(TrainingError, match="1 clips have a pseudo-label; training needs at least 2"):
        train(kind(), head, data_of(labels_NC=torch.ones(1, 3) / 3))


@pytest.mark.parametrize("kind", [SHOTSettings, NRCSettings, AaDSettings], ids=lambda kind: kind().kind)
def test_methods_without_a_second_teacher_hear_neither_labels_nor_draws(
    head: Head, data_of: MakeData, kind: Kind
) -> None:
    settings, other = kind(steps=9, batch_size=4), torch.randn(12, 3).softmax(dim=-1)
    first = train(settings, head, data_of()).head
    assert bits(first) == bits(train(settings, head, data_of(labels_NC=other, draws=[], rule=None)).head)


@pytest.mark.parametrize("kind", [DINESettings, ProDeSettings], ids=lambda kind: kind().kind)
def test_methods_with_a_second_teacher_hear_its_draws_and_not_the_labels(
    head: Head, data_of: MakeData, kind: Kind
) -> None:
    settings, other = kind(steps=9, batch_size=4), torch.randn(12, 3).softmax(dim=-1)
    first, same = (train(settings, head, data_of(**given)).head for given in ({}, {"labels_NC": other, "rule": None}))
    assert bits(first) == bits(same)
    assert bits(first) != bits(train(settings, head, data_of(draws=data_of(seed=1).draws)).head)


def test_the_recipe_is_shots(head: Head) -> None:
    settings = SHOTSettings()
    [group] = settings.optimiser(head.parameters()).param_groups
    found = [group[name] for name in ("lr", "momentum", "nesterov", "weight_decay")]
    assert (found, settings.batch_size) == ([1e-2, 0.9, True, 1e-3], 64)


def test_the_learning_rate_decays_as_in_shot() -> None:
    """(1 + 10 t / T)^-0.75 at the start, at 3 of 10 steps, and at the end."""
    found = [SHOTSettings(steps=10).learning_rate_factor(step) for step in (0, 3, 10)]
    assert found == pytest.approx([1, 4**-0.75, 11**-0.75], abs=1e-6)


def test_the_list_of_trainers_is_read_without_torch() -> None:
    script = "import sys, tasks.students; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
