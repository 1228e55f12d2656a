"""Training that was stopped goes on and ends in the same weights, bit by bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.contracts.errors import CacheError
from tasks.networks.config import ClassifierConfig
from tasks.students.source import SourceClassifier, train_source_classifier
from tasks.students.source_settings import SourceTraining
from tasks.students.source_work import work_in
from tests.students.source_toys import MemoryWork, toy

TRAINING = SourceTraining(epochs=6, patience=3, seeds=2)
CLIPS = toy(60, apart=1)


def same(one: SourceClassifier, other: SourceClassifier) -> bool:
    weights = one.head.state_dict()
    return one.runs == other.runs and all(torch.equal(other.head.state_dict()[n], t) for n, t in weights.items())


@pytest.fixture
def whole(config: ClassifierConfig) -> tuple[SourceClassifier, MemoryWork]:
    work = MemoryWork()
    return train_source_classifier(CLIPS, config, TRAINING, work), work


@pytest.mark.parametrize("epochs", [1, 3, 5, 8, 10])
def test_stopped_after_any_epoch_it_goes_on_to_the_same_bits(
    config: ClassifierConfig, whole: tuple[SourceClassifier, MemoryWork], epochs: int
) -> None:
    stopped = MemoryWork(interrupt_after=epochs)
    with pytest.raises(KeyboardInterrupt):
        train_source_classifier(CLIPS, config, TRAINING, stopped)
    resumed = MemoryWork()
    resumed.checkpoints = stopped.checkpoints
    assert same(train_source_classifier(CLIPS, config, TRAINING, resumed), whole[0])
    assert stopped.epochs + resumed.epochs == whole[1].epochs  # none twice


def test_work_on_disk_comes_back_as_it_was(
    config: ClassifierConfig, whole: tuple[SourceClassifier, MemoryWork], tmp_path: Path
) -> None:
    stopped = MemoryWork(interrupt_after=8)
    with pytest.raises(KeyboardInterrupt):
        train_source_classifier(CLIPS, config, TRAINING, stopped)
    with work_in(tmp_path / "work", epochs=18) as work:
        for run, checkpoint in stopped.checkpoints.items():
            work.keep(run, checkpoint)
        assert same(train_source_classifier(CLIPS, config, TRAINING, work), whole[0])


def train_on_disk(config: ClassifierConfig, folder: Path, error: type[BaseException] | None = None) -> None:
    with work_in(folder, epochs=18) as work:
        train_source_classifier(CLIPS, config, TRAINING, work)
        if error:
            raise error


def test_work_is_gone_when_it_is_done_and_stays_when_it_is_not(config: ClassifierConfig, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_on_disk(config, tmp_path / "work", KeyboardInterrupt)
    assert (tmp_path / "work" / "all-clips" / "checkpoint.pt").is_file()
    train_on_disk(config, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_two_at_once_do_not_share_their_checkpoints(tmp_path: Path) -> None:
    """Whoever ended first would take the other's away."""
    with (
        work_in(tmp_path / "work", epochs=6),
        pytest.raises(CacheError, match=r"work\.lock: another `mifuse train-source` trains this classifier right now"),
        work_in(tmp_path / "work", epochs=6),
    ):
        pass
    with work_in(tmp_path / "work", epochs=6):
        assert (tmp_path / "work.lock").exists()
    assert not list(tmp_path.iterdir())
