"""The trainer's promise: reproducible bits, a start that is left alone, curves, and mistakes told in words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pydantic
import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import Means, Part
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["angry", "happy", "sad"]
REFRESHES = ["never", "epoch", "step"]


def train(head: Head, data: TrainingData, report: Callable[[int], object] = lambda n: None, **given: Any) -> Student:
    settings = MIFuseSettings.model_validate(
        {"recipe": "paper", "steps": 8, "batch_size": 4, "learning_rate": 0.01} | given
    )
    return settings.train(head, data, CLASSES, None, keep=lambda point: None, report=report)


def bits(head: Head) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in head.state_dict().items()}


@pytest.mark.parametrize("refresh", REFRESHES)
def test_the_same_seed_gives_the_same_bits(head: Head, data_of: Callable[..., TrainingData], refresh: str) -> None:
    torch.manual_seed(1)
    first = train(head, data_of(), teacher_refresh=refresh)
    torch.manual_seed(2)
    again = train(head, data_of(), teacher_refresh=refresh)
    assert bits(first.head) == bits(again.head)
    assert first.curves == again.curves


def test_another_seed_gives_other_weights(head: Head, data_of: Callable[..., TrainingData]) -> None:
    assert bits(train(head, data_of(), seed=0).head) != bits(train(head, data_of(), seed=1).head)


def test_the_three_ways_of_refreshing_give_three_students(head: Head, data_of: Callable[..., TrainingData]) -> None:
    students = [train(head, data_of(), teacher_refresh=refresh).head for refresh in REFRESHES]
    assert len({bits(student)["to_hidden.weight"] for student in students}) == 3


def test_the_classifier_that_it_starts_from_is_left_as_it_is(head: Head, data_of: Callable[..., TrainingData]) -> None:
    before = bits(head.eval())
    student = train(head, data_of()).head
    assert bits(head) == before
    assert not head.training
    assert bits(student)["to_hidden.weight"] != before["to_hidden.weight"]


def test_the_student_keeps_the_statistics_of_the_classifier(head: Head, data_of: Callable[..., TrainingData]) -> None:
    head.standardise_by(statistics_of(Means(torch.randn(9, 2, 5))))
    student = train(head, data_of()).head
    assert torch.equal(student.mean_LD, head.mean_LD)
    assert torch.equal(student.std_LD, head.std_LD)


def test_the_student_comes_ready_to_predict(head: Head, data_of: Callable[..., TrainingData]) -> None:
    assert not train(head, data_of()).head.training


def test_it_learns_labels_that_can_be_learnt(head: Head, data_of: Callable[..., TrainingData]) -> None:
    data = data_of(n=60)
    heard = data.features.rows(range(60))
    labels_N = heard.means_BLD()[:, 0, :3].argmax(dim=-1)
    taught = data_of(
        n=60, features=data.features, labels_NC=torch.nn.functional.one_hot(labels_N, 3).float(), rule=None
    )
    student = train(head, taught, teacher_refresh="never", steps=300, batch_size=30).head
    with torch.no_grad():
        assert (student(heard).argmax(dim=-1) == labels_N).float().mean() > 0.9


def test_diversity_spreads_the_predictions(head: Head, data_of: Callable[..., TrainingData]) -> None:
    """All labels say the first class; only the diversity term speaks for the others."""
    labels_NC = torch.tensor([[0.9, 0.05, 0.05]]).repeat(12, 1)
    given = {"teacher_refresh": "never", "steps": 150, "batch_size": 12}
    shares = {
        coefficient: train(head, data_of(labels_NC=labels_NC), diversity=coefficient, **given).curves[-1]["share_angry"]
        for coefficient in (0.0, 1.0)
    }
    assert shares[1.0] < shares[0.0] - 0.1


def test_every_step_is_reported_once(head: Head, data_of: Callable[..., TrainingData]) -> None:
    told: list[int] = []
    train(head, data_of(), steps=9, report=told.append)
    assert told == [1] * 9


def test_curves_have_a_point_at_the_first_step_each_25th_and_the_last(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    curves = train(head, data_of(), steps=60).curves
    assert [point["step"] for point in curves] == [1, 25, 50, 60]
    shares = [f"share_{name}" for name in CLASSES]
    for point in curves:
        assert list(point) == ["step", "loss", "loss_ce", "loss_div", "agreement", "teacher_agreement", *shares]
        assert point["loss"] == pytest.approx(point["loss_ce"] + point["loss_div"], abs=1e-5)
        assert sum(point[name] for name in shares) == pytest.approx(1, abs=1e-5)
        assert -np.log(3) - 1e-6 <= point["loss_div"] <= 0
        assert 0 <= point["agreement"] <= 1
        assert 0 <= point["teacher_agreement"] <= 1


def test_a_checkpoint_is_offered_every_250_steps_but_not_at_the_end(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    kept: list[Checkpoint] = []
    settings = MIFuseSettings(recipe="paper", steps=500, batch_size=4, teacher_refresh="never")
    settings.train(head, data_of(), CLASSES, None, keep=kept.append, report=lambda n: None)
    assert [point.step for point in kept] == [250]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_clips_are_refused(head: Head, data_of: Callable[..., TrainingData], n: int) -> None:
    data = data_of()
    few = data_of(features=Part(data.features, range(n)), labels_NC=data.labels_NC[:n])
    with pytest.raises(TrainingError, match=f"{n} clips have a pseudo-label; training needs at least 2"):
        train(head, few)


def test_two_clips_are_enough(head: Head, data_of: Callable[..., TrainingData]) -> None:
    data = data_of()
    two = data_of(features=Part(data.features, range(2)), labels_NC=data.labels_NC[:2], rule=None)
    assert train(head, two, teacher_refresh="never").curves[-1]["step"] == 8


@pytest.mark.parametrize("refresh", REFRESHES)
def test_a_learning_rate_that_blows_up_is_told_as_such(
    head: Head, data_of: Callable[..., TrainingData], refresh: str
) -> None:
    told = r"at step 2\. Lower student\.learning_rate \(now 1e\+30\)"
    with pytest.raises(TrainingError, match=told):
        train(head, data_of(), teacher_refresh=refresh, learning_rate=1e30, warmup=0, batch_size=12)


@pytest.mark.parametrize(
    "given",
    [
        {"ema": 1.0},
        {"ema": -0.1},
        {"diversity": -1},
        {"steps": 0},
        {"batch_size": 1},
        {"learning_rate": 0},
        {"warmup": 1},
        {"seed": -1},
        {"teacher_refresh": "always"},
        {"start": "scratch"},
        {"lambda_div": 1},
        {"keep": "best"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_settings_that_mean_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(given))):
        MIFuseSettings.model_validate(given)


def test_a_look_cannot_be_kept_of_an_encoder_in_training() -> None:
    with pytest.raises(pydantic.ValidationError, match="`keep`: with an encoder in training the last step is kept"):
        MIFuseSettings.model_validate({"keep": "most_diverse", "trainable": "all"})


def test_the_defaults_are_the_papers() -> None:
    settings = MIFuseSettings(recipe="paper")
    assert (settings.ema, settings.diversity, settings.teacher_refresh) == (0.999, 1.0, "step")
    assert 1000 <= settings.steps <= 1500


def test_the_learning_rate_warms_up_and_falls_to_0() -> None:
    settings = MIFuseSettings(recipe="paper", steps=200, warmup=0.05)
    factors = [settings.learning_rate_factor(step) for step in range(201)]
    np.testing.assert_allclose(factors[:10], np.arange(1, 11) / 10)
    np.testing.assert_allclose(factors[10:], 0.5 + 0.5 * np.cos(np.pi * np.arange(191) / 190), atol=1e-12)


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert MIFuseSettings(recipe="paper", steps=3, warmup=0).learning_rate_factor(0) == 1
