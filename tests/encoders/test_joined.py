"""Several representations side by side: each is what it is alone, and is kept where it is kept alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from tasks.contracts.errors import CheckpointError
from tasks.encoders import EncoderSettings, audio_parts, parts_of, reads_text
from tasks.encoders.base import Frames, Live
from tasks.encoders.batches import AudioFile
from tasks.encoders.features import Features, Means, Part, features_of
from tasks.encoders.hearing import check_finite, hear_batches, together
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.joined_features import JoinedFeatures
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.speakers import SpeakerCentred
from tasks.encoders.statistics import N_STATISTICS
from tests.encoders.recordings import record
from tests.encoders.text_models import save_text_model

SAID = ["yes", None, "oh no"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, save_wav_encoder: Callable[..., Path]) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("parts")
    wavlm, text = save_wav_encoder(folder / "wavlm", "wavlm"), save_text_model(folder / "text")
    return [{"kind": "huggingface", "model": str(wavlm)}, {"kind": "logmel"}, {"kind": "text", "model": str(text)}]


@pytest.fixture(scope="module")
def settings(parts: list[dict[str, Any]]) -> JoinedSettings:
    return JoinedSettings.model_validate({"parts": parts})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[AudioFile]:
    folder = tmp_path_factory.mktemp("audio")
    heard = [record(folder / f"{'n' * (1 + n)}.wav", 0.4 + 0.1 * n) for n in range(3)]
    return [AudioFile(file.sha256, file.path, file.duration_s, said) for file, said in zip(heard, SAID, strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def found(settings: JoinedSettings, files: list[AudioFile], folder: Path) -> Features:
    return features_of(files, settings, folder, device="cpu")


def same(one: Frames, other: Frames) -> None:
    torch.testing.assert_close(one.values_BLTD, other.values_BLTD, rtol=0, atol=0)
    assert one.n_frames_B.tolist() == other.n_frames_B.tolist()


def test_rows_are_the_first_parts_with_the_others_beside(
    settings: JoinedSettings, files: list[AudioFile], found: Features, folder: Path
) -> None:
    heard = found.rows([2, 1])
    alone = [features_of(files, part, folder, device="cpu").rows([2, 1]) for part in settings.parts]
    for one, other in zip([heard, *heard.beside], alone, strict=True):
        same(one, other)
    assert (found.n_layers, found.dim) == (3, 16)


def test_a_clip_without_a_transcript_has_none_beside(found: Features) -> None:
    _, said = found.rows([0, 1, 2]).beside
    assert said.n_frames_B.tolist() == [1, 0, 1]


def test_shapes_beside_are_told(found: JoinedFeatures) -> None:
    assert found.beside == [(1, N_STATISTICS), (3, 16)]


def test_each_part_is_kept_where_it_is_kept_alone(
    settings: JoinedSettings, files: list[AudioFile], found: Features, folder: Path
) -> None:
    before = set(folder.rglob("*"))
    for part in settings.parts:
        features_of(files, part, folder, device="cpu")
    assert set(folder.rglob("*")) == before
    assert len([path for path in before if path.is_dir()]) == len(settings.parts)


def test_with_frames_the_others_stay_time_means(settings: JoinedSettings, files: list[AudioFile], folder: Path) -> None:
    for how in ("store", "recompute"):
        heard = features_of(files, settings, folder, frames=how, device="cpu").rows([0, 1])  # type: ignore[arg-type]
        assert heard.values_BLTD.shape[2] == max(heard.n_frames_B.tolist()) > 1
        assert [other.values_BLTD.shape[2] for other in heard.beside] == [1, 1]


def test_who_has_audio_alone_hears_clips_without_transcripts(
    settings: JoinedSettings, files: list[AudioFile], folder: Path
) -> None:
    silent = [AudioFile(file.sha256, file.path, file.duration_s) for file in files]
    expected = features_of(silent, settings, folder, device="cpu").rows([0, 1, 2])
    ((_, heard),) = hear_batches(settings.build("cpu"), [silent])
    for one, other in zip([heard, *heard.beside], [expected, *expected.beside], strict=True):
        torch.testing.assert_close(one.values_BLTD, other.values_BLTD, rtol=0, atol=1e-5)
        assert one.n_frames_B.tolist() == other.n_frames_B.tolist()


def test_parts_of_a_batch_keep_what_lies_beside(found: Features) -> None:
    joined, whole = together([found.rows([0]), found.rows([1, 2])]), found.rows([0, 1, 2])
    for one, other in zip([joined, *joined.beside], [whole, *whole.beside], strict=True):
        same(one, other)


def test_some_of_the_clips_keep_what_lies_beside(found: Features) -> None:
    same(Part(found, [2, 0]).rows([0]).beside[1], found.rows([2]).beside[1])


def test_speakers_are_centred_in_the_first_part_alone(found: Features) -> None:
    heard = SpeakerCentred(found, ["a", "a", "b"]).rows([0, 1])
    assert not torch.equal(heard.values_BLTD, found.rows([0, 1]).values_BLTD)
    same(heard.beside[0], found.rows([0, 1]).beside[0])


def test_a_number_beside_that_is_not_finite_is_refused(files: list[AudioFile]) -> None:
    sound, damaged = torch.ones(1, 1, 2), torch.full((1, 1, 2), torch.nan)
    heard = JoinedFeatures([Means(sound), Means(damaged)]).rows([0])
    with pytest.raises(CheckpointError, match=r"n\.wav: the encoder gives numbers that are not finite"):
        check_finite(heard, files[:1])


def test_identity_is_that_of_the_parts_in_order(settings: JoinedSettings) -> None:
    assert settings.identity() == {"kind": "joined", "parts": [part.identity() for part in settings.parts]}
    turned = JoinedSettings(parts=(settings.parts[1], settings.parts[0]))
    assert turned.identity() != JoinedSettings(parts=settings.parts[:2]).identity()


def test_only_parts_that_hear_need_an_encoder_pass(settings: JoinedSettings) -> None:
    assert audio_parts(settings) == list(settings.parts[:2])
    assert parts_of(LogMelSettings()) == (LogMelSettings(),)


def test_a_transcript_is_read_by_text_parts_alone(settings: JoinedSettings) -> None:
    assert reads_text(settings)
    assert reads_text(settings.parts[2])
    assert not reads_text(JoinedSettings(parts=settings.parts[:2]))


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ([2, 0], "`parts`: the first one hears audio; put `kind: text` behind an audio encoder"),
        ([0, 1, 1], "`parts`: one of them stands there twice"),
        ([0], "at least 2 items"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(parts: list[dict[str, Any]], places: list[int], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        JoinedSettings.model_validate({"parts": [parts[place] for place in places]})


def test_joined_parts_are_no_parts(parts: list[dict[str, Any]]) -> None:
    nested = {"kind": "joined", "parts": [parts[0], {"kind": "joined", "parts": parts[:2]}]}
    with pytest.raises(ValidationError, match=r"joined\.parts\.1\s+Input tag 'joined' found"):
        TypeAdapter(EncoderSettings).validate_python(nested)


def test_text_alone_is_no_encoder(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError, match="Input tag 'text' found"):
        TypeAdapter(EncoderSettings).validate_python(parts[2])


def test_draws_of_its_own_are_refused(settings: JoinedSettings) -> None:
    live = Live(torch.tensor([1]), (0, 1), seed=0)
    with pytest.raises(ValueError, match="a joined encoder makes no draws of its own"):
        settings.build("cpu").hear([np.zeros(8000, np.float32)], live=live)
