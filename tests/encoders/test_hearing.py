"""Every batch is heard, in parts where memory does not hold it; what is not a number stops the work."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError, ClipsError
from tasks.encoders.base import Encoder, Frames, Live
from tasks.encoders.features import AudioFile, HeardFeatures
from tasks.encoders.hearing import hear_batches
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMel
from tasks.encoders.trainable import Top
from tasks.maths.masks import clip_keys
from tasks.storage.audio import read_audio
from tests.encoders.recordings import Cramped, record

LENGTHS_S = [0.5, 0.6, 0.8, 1.5]


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    return [record(tmp_path / f"{'n' * n}.wav", duration_s) for n, duration_s in enumerate(LENGTHS_S, 1)]


class Sick(LogMel):
    """Gives a number that is not finite for every clip longer than a second."""

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        heard = super().hear(waves)
        heard.values_BLTD[[len(wave) > 16_000 for wave in waves], 0, 0, 7] = torch.inf
        return heard


def live(batch: list[AudioFile]) -> Live:
    return Live(clip_keys([file.sha256 for file in batch]), tuple(range(8)), seed=0)


def means_of(encoder: Encoder, batches: list[list[AudioFile]], **asked: Any) -> dict[str, torch.Tensor]:
    """Each clip's rows, (L, D) or with draws (K, L, D), whatever part they came in."""
    parts = list(hear_batches(encoder, batches, **asked))
    found: dict[str, torch.Tensor] = {}
    for files, heard in parts:
        found |= dict(zip([f.sha256 for f in files], heard.means_BLD().unflatten(0, (len(files), -1)), strict=True))
    assert sum(len(files) for files, _ in parts) == len(found)
    return found


def test_what_is_heard_comes_with_its_files_in_order(files: list[AudioFile]) -> None:
    batches = [files[:3], files[3:]]
    found = list(hear_batches(LogMel(), batches))
    assert [batch for batch, _ in found] == batches
    for batch, heard in found:
        assert torch.equal(heard.means_BLD(), LogMel().hear([read_audio(file.path) for file in batch]).means_BLD())


def test_gradients_do_not_flow(files: list[AudioFile], small_wavlm: Path) -> None:
    encoder = HuggingFaceSettings(model=str(small_wavlm)).build("cpu")
    ((_, heard),) = hear_batches(encoder, [files])
    assert heard.values_BLTD.is_inference()


def test_the_caller_is_not_left_in_inference_mode(files: list[AudioFile]) -> None:
    for _ in hear_batches(LogMel(), [files]):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_a_recording_that_cannot_be_read_is_told_with_its_name(files: list[AudioFile]) -> None:
    files[1].path.unlink()
    with pytest.raises(ClipsError, match=r"/nn\.wav: cannot be read any more"):
        list(hear_batches(LogMel(), [files]))


def test_a_number_that_is_not_finite_is_refused_with_the_files_name(files: list[AudioFile]) -> None:
    told = r"/nnnn\.wav: the encoder gives numbers that are not finite \(1 of 2 clips\).* computed before is kept"
    heard = hear_batches(Sick(), [files[:2], files[2:]])
    assert next(heard)[0] == files[:2]
    with pytest.raises(CheckpointError, match=told):
        next(heard)


# Memory


@pytest.mark.parametrize("room_s", [1.5, 2.0, 3.1, 5.9])
def test_where_memory_runs_out_the_results_are_the_same(files: list[AudioFile], room_s: float) -> None:
    encoder = Cramped(room_s)
    roomy, cramped = means_of(Cramped(float("inf")), [files]), means_of(encoder, [files])
    assert encoder.refused
    assert all(torch.equal(cramped[sha256], roomy[sha256]) for sha256 in roomy)


@pytest.mark.parametrize("room_s", [1.5, 2.0, 3.1, 7.0, 11.0])
def test_where_memory_runs_out_the_draws_are_the_same(files: list[AudioFile], room_s: float) -> None:
    roomy = means_of(Cramped(float("inf")), [files], live=live)
    cramped = means_of(Cramped(room_s), [files], live=live)
    assert {row.shape for row in cramped.values()} == {(8, 1, 2)}
    assert all(torch.equal(cramped[sha256], roomy[sha256]) for sha256 in roomy)


def test_what_fits_is_remembered(files: list[AudioFile]) -> None:
    encoder = Cramped(3.0)
    list(hear_batches(encoder, [files[:3] * 4] * 5))
    assert encoder.refused == 2  # 9.6 s and 4.8 s; 2.4 s is room enough for all that follow
    list(hear_batches(encoder, [files[:3] * 4]))
    assert encoder.refused == 2


def test_it_is_told_once_that_memory_ran_out(files: list[AudioFile], capsys: pytest.CaptureFixture[str]) -> None:
    list(hear_batches(Cramped(1.6), [files, files]))
    told = capsys.readouterr().err
    assert told.count("Out of memory with 4 x 1.5 s of audio at once: going on with less.") == 1
    assert told.count("Out of memory") == 1
    assert "batch_seconds" in told


def test_nothing_is_told_where_memory_is_enough(files: list[AudioFile], capsys: pytest.CaptureFixture[str]) -> None:
    list(hear_batches(Cramped(100.0), [files, files]))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("asked", [{}, {"live": live}])
def test_one_clip_that_does_not_fit_is_told_with_its_length_and_what_to_do(
    files: list[AudioFile], asked: dict[str, Any]
) -> None:
    told = (
        r"/nnnn\.wav: there is not enough memory for this clip alone \(1\.5 s\).*`device: cpu`.*clips\.max_duration_s"
    )
    with pytest.raises(CheckpointError, match=told):
        means_of(Cramped(1.4), [files], **asked)


def test_the_cpus_allocator_too_is_understood(files: list[AudioFile]) -> None:
    """It knows no error of its own: a real one, of an encoder that asks for 64 TiB where a batch is not a clip."""

    class Greedy(Cramped):
        def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
            torch.empty(1 << 44 if len(waves) > 1 else 1)
            return super().hear(waves, frames=frames, live=live)

    expected = means_of(Cramped(float("inf")), [files])
    found = means_of(Greedy(float("inf")), [files])
    assert all(torch.equal(found[sha256], expected[sha256]) for sha256 in expected)


def test_another_error_of_the_encoder_is_not_taken_for_one_of_memory(files: list[AudioFile]) -> None:
    class Broken(LogMel):
        def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
            return Frames.of_means(torch.zeros(2, 3) @ torch.zeros(2, 3))

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(hear_batches(Broken(), [files]))


# Heard anew


def test_without_gradients_parts_come_back_as_one_batch(files: list[AudioFile], small_wavlm: Path) -> None:
    encoder = HuggingFaceSettings(model=str(small_wavlm)).build("cpu")
    cramped = Cramped(1.6, encoder)
    found = HeardFeatures(files, cramped, gradients=False).rows([1, 3, 0])
    assert cramped.refused
    expected = encoder.hear([read_audio(files[n].path) for n in (1, 3, 0)], frames=True)
    assert torch.equal(found.n_frames_B, expected.n_frames_B)
    torch.testing.assert_close(found.values_BLTD, expected.values_BLTD, atol=1e-6, rtol=0)


def test_what_is_heard_without_gradients_can_be_trained_on(files: list[AudioFile], small_wavlm: Path) -> None:
    encoder = HuggingFaceSettings(model=str(small_wavlm)).build("cpu")
    heard = HeardFeatures(files, encoder, frames=False, gradients=False).rows([0, 1])
    layer = torch.nn.Linear(encoder.dim, 1)
    layer(heard.means_BLD()).sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.parametrize("gradients", [True, False])
def test_gradients_flow_to_what_is_thawed_where_they_are_wanted(
    files: list[AudioFile], small_wavlm: Path, gradients: bool
) -> None:
    encoder = HuggingFaceSettings(model=str(small_wavlm)).build("cpu")
    encoder.thaw(Top(top=1))
    heard = HeardFeatures(files, encoder, gradients=gradients).rows([2, 0])
    assert heard.values_BLTD.requires_grad == gradients


def test_live_dropout_gives_each_clip_as_many_rows_as_draws(files: list[AudioFile], small_wavlm: Path) -> None:
    encoder = HuggingFaceSettings(model=str(small_wavlm)).build("cpu")
    heard = HeardFeatures(files, encoder, frames=False).rows([2, 0], live=live([files[2], files[0]]))
    assert heard.values_BLTD.shape == (16, encoder.n_layers, 1, encoder.dim)


@pytest.mark.parametrize("gradients", [True, False])
def test_a_number_that_is_not_finite_is_refused_in_training_too(files: list[AudioFile], gradients: bool) -> None:
    with pytest.raises(CheckpointError, match=r"/nnnn\.wav: the encoder gives numbers that are not finite \(1 of 2"):
        HeardFeatures(files, Sick(), gradients=gradients).rows([0, 3])
