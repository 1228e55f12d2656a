"""`source.encoder: {kind: joined}` in `pipelines.yaml`: what fits together, and what is said where it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.classifier_input import classifier_input
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import CheckpointError, SettingsError
from tasks.encoders.joined import JoinedSettings
from tests.flows.conftest import SETTINGS

LOGMEL = {"kind": "logmel"}
TEXT = {"kind": "text", "model": "./text"}
CLAP = {"kind": "clap", "model": "./clap"}
WAVLM = {"kind": "huggingface", "model": "./wavlm"}
FUSION = {"kind": "late_fusion"}


def read(folder: Path, parts: list[Any], changes: dict[str, Any] = SETTINGS, **source: Any) -> PipelineSettings:
    given = SETTINGS["source"] | {"encoder": {"kind": "joined", "parts": parts}} | source
    file = folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"calls": SETTINGS | changes | {"source": given}}}))
    return read_pipelines(file)["calls"]


def mistakes(folder: Path, parts: list[Any], changes: dict[str, Any] = SETTINGS, **source: Any) -> str:
    with pytest.raises(SettingsError) as error:
        read(folder, parts, changes, **source)
    return str(error.value)


@pytest.mark.parametrize(("parts", "pooling"), [([WAVLM, CLAP], FUSION), ([LOGMEL, TEXT], {"kind": "label_signal"})])
def test_parts_that_the_pooling_hears_are_sound(tmp_path: Path, parts: list[Any], pooling: Any) -> None:
    """Their paths are meant from the folder of pipelines.yaml."""
    source = read(tmp_path, parts, pooling=pooling).source
    assert source is not None
    assert isinstance(source.encoder, JoinedSettings)
    assert source.encoder.parts[1].model == str(tmp_path / parts[1]["kind"])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("parts", "source", "told"),
    [
        ([LOGMEL, TEXT | {"modle": 1}], {}, 'encoder.parts.1.modle: unknown setting. Did you mean "model"?'),
        ([LOGMEL, {"kind": "txet"}], {}, 'encoder.parts.1: unknown kind "txet". Did you mean "text"?'),
        ([LOGMEL, {"kind": "text", "model": "org/bert"}], {}, 'encoder.parts.1: "org/bert" is a name on the hub and'),
        ([TEXT, LOGMEL], {}, "encoder: `parts`: the first one hears audio"),
        ([LOGMEL, TEXT], {}, "`pooling`: mean hears the first part of a joined encoder alone"),
        (
            [WAVLM, TEXT],
            {"pooling": "attentive"},
            "`pooling`: attentive hears the first part of a joined encoder alone",
        ),
        ([LOGMEL, TEXT], {"pooling": FUSION}, "`pooling`: late_fusion compares the clip with the classes' names by"),
        ([WAVLM, CLAP], {"pooling": FUSION, "trainable": "all"}, "`trainable`: an encoder of kind joined stays as it"),
        ([LOGMEL, CLAP], {"pooling": FUSION | {"prompts": ["angry"]}}, 'prompts.0: "angry" needs {e} once, where the'),
        (
            [LOGMEL, CLAP],
            {"pooling": FUSION | {"words": {"angri": "cross"}}},
            'source.pooling.words: no class "angri"; known: angry, happy, neutral, sad',
        ),
        (
            [LOGMEL, CLAP],
            {"pooling": FUSION | {"words": {"angry": "bad", "sad": ["bad"]}}},
            "source.pooling.words: angry and sad have the same words, so nothing tells them apart",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, parts: list[Any], source: dict[str, Any], told: str) -> None:
    assert told in mistakes(tmp_path, parts, **source)


def test_draws_of_the_encoder_are_refused(tmp_path: Path) -> None:
    classifier = SETTINGS["teachers"]["classifier"] | {"dropout": "all"}
    changes = {"teachers": SETTINGS["teachers"] | {"classifier": classifier}}
    told = "dropout: all needs an encoder with dropout; source.encoder is joined, whose parts do not all have dropout"
    assert told in mistakes(tmp_path, [WAVLM, CLAP], changes, pooling=FUSION)


LACKING = {"teachers": SETTINGS["teachers"] | {"classifier": SETTINGS["teachers"]["classifier"] | {"lacks": ["sad"]}}}


def test_late_fusion_and_a_class_that_is_lacking_are_a_mistake(tmp_path: Path) -> None:
    told = "source.pooling: late_fusion has a score for each class, so a student cannot learn sad by an open place"
    assert told in mistakes(tmp_path, [WAVLM, CLAP], LACKING, pooling=FUSION)


def test_a_late_fusion_that_lacks_a_class_is_refused_before_its_draws(tmp_path: Path) -> None:
    settings = read(tmp_path, [LOGMEL, TEXT], LACKING, pooling={"kind": "label_signal"})
    config = {
        "classes": ["angry", "happy", "neutral"],
        "encoder": {"kind": "joined", "parts": [LOGMEL, CLAP]},
        "encoder_identity": {},
        "n_layers": 1,
        "dim": 3,
        "beside": [[1, 6]],
        "pooling": FUSION,
    }
    folder = settings.classifier.path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"a student of it cannot learn sad \(`lacks`\)"):
        classifier_input(settings)


def test_a_student_cannot_train_it(tmp_path: Path) -> None:
    changes = {"student": {"kind": "mi_fuse", "recipe": "paper", "trainable": "all"}}
    told = mistakes(tmp_path, [WAVLM, CLAP], changes, pooling=FUSION)
    assert "student.trainable: the encoder joined stays as it is; take it away" in told


def test_a_list_is_not_too_short_because_one_of_its_items_is_wrong(tmp_path: Path) -> None:
    told = mistakes(tmp_path, [LOGMEL, {"kind": "txet"}])
    assert "1 mistake:" in told
    assert "at least 2" not in told
    assert "encoder.parts: must have at least 2 items, got 1" in mistakes(tmp_path, [LOGMEL])


def test_a_pooling_of_a_kind_written_as_a_word_is_told_how_to_write_it(tmp_path: Path) -> None:
    told = mistakes(tmp_path, [LOGMEL, TEXT], pooling="label_signal")
    assert "source.pooling: label_signal has settings of its own; write `{kind: label_signal}`" in told
