"""A run that was cut off goes on from its checkpoint and ends in the same bits."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.contracts.errors import CacheError
from tasks.networks.head import Head
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["angry", "happy", "sad"]


def train(settings: MIFuseSettings, head: Head, data: TrainingData, resume: Checkpoint | None = None) -> Student:
    return settings.train(head, data, CLASSES, resume, keep=lambda point: None, report=lambda n: None)


def checkpoint_after(steps: int, settings: MIFuseSettings, head: Head, data: TrainingData) -> Checkpoint:
    loop = settings.loop(copy.deepcopy(head), data, CLASSES)
    for _ in range(steps):
        loop.advance()
    return loop.checkpoint()


@pytest.mark.parametrize("steps", [0, 3, 4, 7])  # four steps are an epoch
@pytest.mark.parametrize("refresh", ["never", "epoch", "step"])
def test_a_run_that_goes_on_from_disk_ends_in_the_same_bits(
    tmp_path: Path, head: Head, data_of: Callable[..., TrainingData], refresh: str, steps: int
) -> None:
    given = {"recipe": "paper", "steps": 10, "batch_size": 3, "learning_rate": 0.01, "teacher_refresh": refresh}
    settings = MIFuseSettings.model_validate(given)
    whole = train(settings, head, data_of())
    write_checkpoint(tmp_path, checkpoint_after(steps, settings, head, data_of()))
    resumed = train(settings, head, data_of(), read_checkpoint(tmp_path))
    for name, tensor in whole.head.state_dict().items():
        assert torch.equal(resumed.head.state_dict()[name], tensor), name
    assert resumed.curves == whole.curves


def test_only_the_rest_of_the_steps_is_done(head: Head, data_of: Callable[..., TrainingData]) -> None:
    settings = MIFuseSettings(recipe="paper", steps=10, batch_size=3)
    told: list[int] = []
    point = checkpoint_after(7, settings, head, data_of())
    settings.train(head, data_of(), CLASSES, point, keep=lambda point: None, report=told.append)
    assert told == [1] * 3


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path, head: Head, data_of: Callable[..., TrainingData]) -> None:
    settings = MIFuseSettings(recipe="paper", steps=10, batch_size=3, teacher_refresh="epoch")
    written = checkpoint_after(5, settings, head, data_of())
    write_checkpoint(tmp_path, written)
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert (found.step, found.curves) == (5, written.curves)
    for name in ("epoch_labels", "epoch_teacher"):
        assert torch.equal(found.state["objective"][name], written.state["objective"][name])
    assert found.state["head"].keys() == head.state_dict().keys()


def test_a_later_checkpoint_replaces_the_earlier_one(tmp_path: Path) -> None:
    for step in (250, 500):
        write_checkpoint(tmp_path, Checkpoint(step, {}, []))
    assert read_checkpoint(tmp_path) == Checkpoint(500, {}, [])
    assert len(list(tmp_path.iterdir())) == 1


def test_where_nothing_was_kept_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_off_is_none(
    tmp_path: Path, head: Head, data_of: Callable[..., TrainingData], share: float
) -> None:
    write_checkpoint(tmp_path, checkpoint_after(1, MIFuseSettings(recipe="paper"), head, data_of()))
    [path] = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert read_checkpoint(tmp_path) is None


def test_a_checkpoint_of_another_version_is_none(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Checkpoint(1, {}, []))
    [path] = tmp_path.iterdir()
    torch.save({"step": 1, "weights": {}}, path)
    assert read_checkpoint(tmp_path) is None


class RunsCode:
    """Unpickling this would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")


def test_a_planted_pickle_is_not_run(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "work", Checkpoint(1, {}, []))
    [path] = (tmp_path / "work").iterdir()
    torch.save({"step": 1, "state": {"head": RunsCode(tmp_path / "pwned")}, "curves": []}, path)
    assert read_checkpoint(tmp_path / "work") is None
    assert not (tmp_path / "pwned").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be written"):
        write_checkpoint(tmp_path / "file" / "work", Checkpoint(1, {}, []))
