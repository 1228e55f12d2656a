"""What the student names the clips on its way."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.networks.head import Head
from tasks.students.base import Checkpoint, Named, Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.milestones import Milestones

CLASSES = ["angry", "happy", "sad"]


def train(head: Head, data: TrainingData, resume: Checkpoint | None = None, **given: int) -> tuple[Student, Named]:
    settings = MIFuseSettings(recipe="paper", batch_size=4, learning_rate=0.01, **given)
    student = settings.train(head, data, CLASSES, resume, keep=KEPT.append, report=lambda n: None)
    assert student.named is not None
    return student, student.named


KEPT: list[Checkpoint] = []


def named_by(head: Head, data: TrainingData) -> list[int]:
    with torch.no_grad():
        return head(data.features.rows(range(len(data)))).argmax(dim=-1).tolist()


def test_the_first_look_is_at_the_classifier_and_the_last_at_the_student(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    data = data_of(n=30)
    student, named = train(head, data, steps=100)
    assert named.rows_M.tolist() == list(range(30))
    assert named.classes_PM[0].tolist() == named_by(head, data)
    assert named.classes_PM[-1].tolist() == named_by(student.head, data)
    assert named.classes_PM[0].tolist() != named.classes_PM[-1].tolist()


@pytest.mark.parametrize(
    ("steps", "expected"), [(100, list(range(0, 101, 5))), (3, [0, 1, 2, 3])], ids=["twenty", "fewer steps"]
)
def test_it_looks_at_the_start_and_at_twenty_points_more(
    head: Head, data_of: Callable[..., TrainingData], steps: int, expected: list[int]
) -> None:
    assert train(head, data_of(), steps=steps)[1].steps == expected


@pytest.mark.parametrize(
    ("n", "steps", "looked_at"), [(90, 100, 90), (1000, 100, 100), (1000, 1500, 480)], ids=["all", "least", "a fifth"]
)
def test_all_looks_together_hear_at_most_a_fifth_of_what_training_hears(
    data_of: Callable[..., TrainingData], head: Head, n: int, steps: int, looked_at: int
) -> None:
    """But for 100 clips, which are never too many. They are evenly spaced."""
    milestones = Milestones(data_of(n=n), steps, batch_size=32)
    milestones.pass_by(0, head)
    named = milestones.named()
    assert named is not None
    rows = named.rows_M
    assert len(rows) == looked_at
    assert set(rows.diff().tolist()) <= {n // looked_at, -(-n // looked_at)}


def test_looking_changes_nothing(head: Head, data_of: Callable[..., TrainingData]) -> None:
    student, _ = train(head, data_of(), steps=20)
    loop = MIFuseSettings(recipe="paper", batch_size=4, learning_rate=0.01, steps=20).loop(head, data_of(), CLASSES)
    for _ in range(20):
        loop.advance()
    for name, tensor in loop.checkpoint().state["head"].items():
        assert torch.equal(tensor, student.head.state_dict()[name])


def test_a_run_that_goes_on_has_looked_at_the_same(head: Head, data_of: Callable[..., TrainingData]) -> None:
    KEPT.clear()
    _, whole = train(head, data_of(), steps=300)
    [point] = KEPT
    _, resumed = train(head, data_of(), resume=point, steps=300)
    assert resumed.steps == whole.steps
    assert torch.equal(resumed.classes_PM, whole.classes_PM)


def one_sided(head: Head, by: float) -> Head:
    """The same head, leaning to its first class."""
    other = copy.deepcopy(head)
    other.to_logits.bias.data[0] += by
    return other


@pytest.mark.parametrize("pause", [False, True], ids=["in one go", "from a checkpoint"])
def test_most_diverse_keeps_the_look_whose_mean_prediction_is_spread_most(
    head: Head, data_of: Callable[..., TrainingData], tmp_path: Path, pause: bool
) -> None:
    """Labels say nothing here; the start is not a student and is not chosen."""
    flat = copy.deepcopy(head)
    flat.to_logits.weight.data *= 0
    flat.to_logits.bias.data *= 0
    milestones = Milestones(data_of(), steps=4, batch_size=4, keep="most_diverse")
    for step, seen in enumerate([flat, one_sided(head, 3), one_sided(head, 0.5)]):
        milestones.pass_by(step, seen)
    if pause:
        write_checkpoint(tmp_path, Checkpoint(2, {"milestones": milestones.state()}, []))
        milestones = Milestones(data_of(), steps=4, batch_size=4, keep="most_diverse")
        found = read_checkpoint(tmp_path)
        assert found is not None
        milestones.restore(found.state["milestones"])
    for step, seen in enumerate([one_sided(head, 5), one_sided(head, 4)], start=3):
        milestones.pass_by(step, seen)
    kept = milestones.end_with(one_sided(head, 9))
    assert torch.equal(kept.to_logits.bias, one_sided(head, 0.5).to_logits.bias)


def test_by_default_the_last_step_is_kept(head: Head, data_of: Callable[..., TrainingData]) -> None:
    milestones = Milestones(data_of(), steps=4, batch_size=4)
    milestones.pass_by(1, one_sided(head, 0.5))
    assert torch.equal(milestones.end_with(one_sided(head, 9)).to_logits.bias, one_sided(head, 9).to_logits.bias)


def test_the_trainer_ends_with_the_look_that_it_kept(head: Head, data_of: Callable[..., TrainingData]) -> None:
    """Without diversity, labels that all lean to one class make the student less diverse from step to step."""
    labels_NC = torch.tensor([[0.9, 0.05, 0.05]]).repeat(12, 1)
    given = {"recipe": "paper", "steps": 100, "batch_size": 4, "learning_rate": 0.01, "diversity": 0}
    shares = {}
    for keep in ("last", "most_diverse"):
        settings = MIFuseSettings.model_validate(given | {"teacher_refresh": "never", "keep": keep})
        data = data_of(labels_NC=labels_NC)
        student = settings.train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None)
        with torch.no_grad():
            shares[keep] = student.head(data.features.rows(range(12))).softmax(dim=-1).mean(dim=0)[0].item()
    assert shares["most_diverse"] < shares["last"] - 0.2
