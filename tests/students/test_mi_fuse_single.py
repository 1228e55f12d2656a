"""LALM-only and classifier-only: MI-Fuse with the rule `single`, whose one teacher has all the weight."""

from collections.abc import Callable

import pytest
import torch

from tasks.fusion.base import Draws, fused_by
from tasks.fusion.single import SingleRule
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.mi_fuse import MIFuseSettings
from tests.students.baseline_toys import CLASSES

MakeData = Callable[..., TrainingData]
TEACHERS = ["lalm", "classifier"]
PAPER = MIFuseSettings(recipe="paper", steps=9, batch_size=4, learning_rate=0.01)


def student_of(head: Head, data: TrainingData) -> dict[str, torch.Tensor]:
    return PAPER.train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None).head.state_dict()


def data_with(data_of: MakeData, teacher: str, **changed: object) -> TrainingData:
    return data_of(rule=SingleRule(teacher=teacher).fit([], TEACHERS), **changed)


@pytest.mark.parametrize("chosen", [0, 1])
def test_the_one_teachers_weight_is_1_and_the_label_its_mean_draw(chosen: int) -> None:
    draws = [Draws(torch.rand(6, k, 3).softmax(dim=-1), torch.ones(6, k, dtype=torch.bool)) for k in (5, 8)]
    fused = fused_by(SingleRule(teacher=TEACHERS[chosen]).fit(draws, TEACHERS), draws)
    assert fused.weights_NT.tolist() == [[float(t == chosen) for t in range(2)]] * 6
    torch.testing.assert_close(fused.probs_NC, draws[chosen].probs_NKC.mean(dim=1))


def test_classifier_only_does_not_hear_the_lalm(head: Head, data_of: MakeData) -> None:
    first = student_of(head, data_with(data_of, "classifier"))
    other = student_of(head, data_with(data_of, "classifier", draws=data_of(seed=1).draws))
    assert all(torch.equal(first[name], other[name]) for name in first)


def test_lalm_only_is_training_on_the_lalms_mean_draws_as_they_stand(head: Head, data_of: MakeData) -> None:
    """Whatever the moving teacher says: the same bits as with fixed labels. Clip 1, unanswered, keeps its own."""
    data = data_with(data_of, "lalm")
    assert data.draws[0] is not None
    valid_NK1 = data.draws[0].valid_NK[..., None]
    mean_NC = (data.draws[0].probs_NKC * valid_NK1).sum(dim=1) / valid_NK1.sum(dim=1)
    labels_NC = torch.where(mean_NC.isnan(), data.labels_NC, mean_NC)
    fixed = PAPER.model_copy(update={"teacher_refresh": "never"})
    expected = fixed.train(
        head, data_of(labels_NC=labels_NC), CLASSES, None, keep=lambda point: None, report=lambda n: None
    )
    found = student_of(head, data)
    for name, tensor in expected.head.state_dict().items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=0)
