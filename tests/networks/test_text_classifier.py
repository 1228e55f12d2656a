"""A classifier of joined parts at work: transcripts where they are known, none from audio alone, and its export."""

from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest

from tasks.contracts.errors import CheckpointError
from tasks.encoders.batches import AudioFile
from tasks.networks.config import check_encoder, read_config
from tasks.networks.export import export_student
from tasks.networks.export_onnx import export_onnx
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.folder_parts import own_parts
from tasks.networks.heard import features_for
from tasks.networks.predict import predict_files
from tasks.networks.predict_stream import Predictor
from tests.encoders.recordings import record
from tests.encoders.text_models import save_text_model
from tests.networks.text_classifiers import save_fused_classifier, save_text_classifier

SAID = ["oh no", None, "yes please"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[AudioFile]:
    folder = tmp_path_factory.mktemp("audio")
    heard = [record(folder / f"{'n' * (1 + n)}.wav", 0.5) for n in range(3)]
    return [replace(file, transcript=said) for file, said in zip(heard, SAID, strict=True)]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    return save_text_classifier(folder / "classifier", folder / "model")


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fused")
    return save_fused_classifier(folder / "classifier", folder / "model")


def silent(files: list[AudioFile]) -> list[AudioFile]:
    return [replace(file, transcript=None) for file in files]


def test_what_is_said_changes_the_answer_of_its_clip_alone(
    classifier: Path, files: list[AudioFile], tmp_path: Path
) -> None:
    said, _ = predict_files(classifier, files, tmp_path)
    unsaid, _ = predict_files(classifier, silent(files), tmp_path)
    differs = np.abs(said - unsaid).max(axis=1) > 1e-6
    assert differs.tolist() == [True, False, True]


@pytest.mark.parametrize("keeps", [True, False])
def test_from_audio_alone_a_clip_is_one_without_transcript(
    classifier: Path, files: list[AudioFile], tmp_path: Path, keeps: bool
) -> None:
    expected, _ = predict_files(classifier, silent(files), tmp_path / "one")
    found, _ = Predictor(classifier, tmp_path / "other" if keeps else None, device="cpu").answer(files)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("keeps", [True, False])
def test_from_audio_alone_all_parts_that_hear_are_heard(
    fused: Path, files: list[AudioFile], tmp_path: Path, keeps: bool
) -> None:
    expected, _ = predict_files(fused, files, tmp_path / "one", "cpu")
    found, _ = Predictor(fused, tmp_path / "other" if keeps else None, device="cpu").answer(files)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_each_recording_is_told_of_once(fused: Path, files: list[AudioFile], tmp_path: Path) -> None:
    heard: list[str] = []
    Predictor(fused, tmp_path, device="cpu").answer(files, lambda some: heard.extend(file.sha256 for file in some))
    assert sorted(heard) == sorted(file.sha256 for file in files)


@pytest.mark.parametrize("kind", ["classifier", "fused"])
def test_an_export_carries_the_parts_and_can_be_moved(
    kind: str, request: pytest.FixtureRequest, files: list[AudioFile], tmp_path: Path
) -> None:
    trained = request.getfixturevalue(kind)
    expected, _ = predict_files(trained, files, tmp_path / "features", "cpu")
    export_student(trained, tmp_path / "made")
    (tmp_path / "made").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "encoder" / "1" / "model.safetensors").is_file()
    assert str(trained.parent) not in (tmp_path / "moved" / "config.json").read_text()
    check_encoder(read_config(tmp_path / "moved"), tmp_path / "moved")
    found, _ = predict_files(tmp_path / "moved", files, tmp_path / "features", "cpu")
    np.testing.assert_array_equal(found, expected)


def test_a_part_that_has_gone_is_named(tmp_path: Path) -> None:
    folder = save_text_classifier(tmp_path / "classifier", tmp_path / "model")
    rmtree(tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"model: a part of the student.s encoder is gone"):
        export_student(folder, tmp_path / "made")


def test_a_student_carries_on_what_lies_in_its_classifiers_folder(classifier: Path, tmp_path: Path) -> None:
    export_student(classifier, tmp_path / "exported")
    head, config = load_classifier(tmp_path / "exported")
    save_classifier(tmp_path / "student", head, config, parts=own_parts(tmp_path / "exported", config))
    rmtree(tmp_path / "exported")
    assert read_config(tmp_path / "student").encoder.identity() == config.encoder_identity


def test_what_lies_elsewhere_is_not_carried_on(classifier: Path) -> None:
    assert own_parts(classifier, read_config(classifier)) == {}


def test_another_text_model_than_the_heads_is_refused(tmp_path: Path) -> None:
    folder = save_text_classifier(tmp_path / "classifier", tmp_path / "model")
    save_text_model(tmp_path / "model", seed=1)
    with pytest.raises(CheckpointError, match=r"another version of its encoder than the one found now \(joined\)"):
        check_encoder(read_config(folder), folder)


def test_a_text_model_of_another_size_is_told_with_both_shapes(
    classifier: Path, files: list[AudioFile], tmp_path: Path
) -> None:
    config = read_config(classifier).model_copy(update={"beside": [(3, 17)]})
    told = (
        r"layers of \d+ features beside 3 layers of 17 features; its encoder \(joined\) gives .* beside 3 layers of 16"
    )
    with pytest.raises(CheckpointError, match=told):
        features_for(config, files, tmp_path)


def test_it_is_not_made_into_a_graph(classifier: Path, files: list[AudioFile], tmp_path: Path) -> None:
    head, config = load_classifier(classifier)
    with pytest.raises(CheckpointError, match="--onnx: the student's encoder is of kind joined"):
        export_onnx(head, config, tmp_path, files)
