"""Shards are written as they finish: what stops a run takes with it no more than the shard under way."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames, Live
from tasks.encoders.batches import plan_batches
from tasks.encoders.features import AudioFile, feature_store, features_of, store_batches
from tasks.encoders.logmel import LogMel, LogMelSettings
from tasks.storage.features import FeatureStore
from tests.encoders.recordings import Cramped, record

# One clip a batch; stops for good before the ninth, when eight batches are on disk.
STOPS_AFTER_A_SHARD = """
import sys
from pathlib import Path
from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.logmel import LogMel, LogMelSettings

class Stopping(LogMel):
    def hear(self, waves, **asked):
        if list(Path(sys.argv[1]).rglob("*.arrow")):
            print("a shard is written", flush=True)
            sys.stdin.read()
        return super().hear(waves, **asked)

class Settings(LogMelSettings):
    def build(self, device="auto"):
        return Stopping()

told = [line.split() for line in sys.argv[2:]]
files = [AudioFile(sha256, Path(path), float(duration_s)) for sha256, path, duration_s in told]
features_of(files, Settings(), Path(sys.argv[1]), batch_seconds=0.1)
"""


class Sick(Cramped):
    """Its first calls are well."""

    def __init__(self, well: int) -> None:
        super().__init__(float("inf"))
        self._well = well

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        self._well -= 1
        return super().hear(waves) if self._well >= 0 else Frames.of_means(torch.full((len(waves), 1, 2), torch.nan))


class Counting(LogMelSettings):
    """Its encoder counts the clips that it hears."""

    _heard: list[int] = []  # noqa: RUF012

    def build(self, device: str = "auto") -> LogMel:
        heard = self._heard

        class Counted(LogMel):
            def hear(
                self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None
            ) -> Frames:
                heard.append(len(waves))
                return super().hear(waves)

        return Counted()


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    return [record(tmp_path / f"{'n' * n}.wav", 0.1 + 0.01 * n) for n in range(1, 21)]


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.arrow")}


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files, LogMelSettings(), tmp_path / "undisturbed", batch_seconds=0.1)
    told = [f"{file.sha256} {file.path} {file.duration_s}" for file in files]
    command = [sys.executable, "-c", STOPS_AFTER_A_SHARD, str(tmp_path / "killed"), *told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "a shard is written\n"
        process.send_signal(signal.SIGKILL)
    assert len(feature_store(LogMelSettings(), tmp_path / "killed").known()) == 8
    counting = Counting()
    features_of(files, counting, tmp_path / "killed", batch_seconds=0.1)
    assert counting._heard == [1] * 12
    assert shards(tmp_path / "killed") == shards(tmp_path / "undisturbed")


def test_a_shard_holds_at_most_eight_batches(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files, LogMelSettings(), tmp_path, batch_seconds=0.1)
    assert len(shards(tmp_path)) == 3


def test_large_frames_fill_a_shard_sooner(tmp_path: Path, files: list[AudioFile]) -> None:
    """A shard is in memory before it is written: here the first batch is 136 MB."""

    class Large(Cramped):
        def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
            n_frames = 17_000_000 if len(waves[0]) == round(16_000 * files[0].duration_s) else 1
            return Frames(torch.ones(1, 1, n_frames, 2), torch.tensor([n_frames]))

    store_batches(Large(float("inf")), [[file] for file in files[:3]], store := FeatureStore(tmp_path), frames=True)
    assert len(list(tmp_path.glob("*.arrow"))) == 2
    assert store.known() == {file.sha256 for file in files[:3]}


@pytest.mark.parametrize("well", [3, 8, 11])
def test_what_was_heard_before_a_failure_is_kept(tmp_path: Path, files: list[AudioFile], well: int) -> None:
    store = FeatureStore(tmp_path / "f")
    batches = plan_batches(files, (), 0.1)
    with pytest.raises(CheckpointError, match=rf"/{'n' * (well + 1)}\.wav: .* not finite \(1 of 1 clips\)"):
        store_batches(Sick(well), batches, store)
    assert store.known() == {batch[0].sha256 for batch in batches[:well]}


def test_each_clip_is_told_when_it_is_heard(tmp_path: Path, files: list[AudioFile]) -> None:
    told: list[AudioFile] = []
    store_batches(Cramped(0.8), plan_batches(files, (), 2.0), FeatureStore(tmp_path / "f"), told=told.extend)
    assert told == files


def test_halved_batches_are_stored_whole(tmp_path: Path, files: list[AudioFile]) -> None:
    store = FeatureStore(tmp_path / "f")
    store_batches(Cramped(0.8), plan_batches(files, (), 2.0), store)
    assert store.known() == {file.sha256 for file in files}
