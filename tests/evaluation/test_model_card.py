"""The model card of an exported student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import yaml

from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.evaluation.model_card import CardData, CardTeacher, render_card
from tasks.evaluation.report import ReportData
from tasks.networks.config import ClassifierConfig
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.students.label_signal import LabelSignalSettings

Make = Callable[..., CardData]
HUB = HuggingFaceSettings(model="org/wavlm", revision="1a2b")


def config_of(encoder: Any, classes: list[str], **changed: Any) -> ClassifierConfig:
    sizes = {"n_layers": 13, "dim": 768}
    return ClassifierConfig(classes=classes, encoder=encoder, encoder_identity={}, **sizes | changed)


@pytest.fixture
def make_card_data(make_data: Callable[..., ReportData]) -> Make:
    """Of a made-up run."""

    def make(encoder: Any = HUB, languages: tuple[str | None, ...] = (None,), **run: Any) -> CardData:
        data = make_data(**run)
        speakers = [f"speaker {n % 7}" for n in range(data.clips.height)]
        spoken = [languages[n % len(languages)] for n in range(data.clips.height)]
        return CardData(
            pipeline=data.pipeline,
            config=config_of(encoder, data.classes),
            encoder_name=None,
            teachers=[
                CardTeacher("lalm", "gemini", "gemini-2.5-flash-001", "5"),
                CardTeacher("classifier", "mc_dropout", "org/wavlm@1a2b + head, float32", "8"),
            ],
            clips=data.clips.with_columns(speaker=pl.Series(speakers), language=pl.Series(spoken, dtype=pl.String)),
            pseudo_labels=data.pseudo_labels,
            predictions=data.predictions,
            metrics=data.metrics,
            settings={"fuse": {"kind": "mutual_information"}, "student": {"kind": "mi_fuse", "recipe": "paper"}},
            versions={"mifuse": "0.1.0", "torch": "2.13.0"},
        )

    return make


def head_of(card: str) -> dict[str, Any]:
    """What the hub reads: the YAML between the first two lines of dashes."""
    _, head, _ = card.split("---\n", 2)
    content: dict[str, Any] = yaml.safe_load(head)
    return content


def test_the_head_names_the_task_the_encoder_and_the_languages(make_card_data: Make) -> None:
    head = head_of(render_card(make_card_data(languages=("de", "pl", "German", "und"))))
    assert head["pipeline_tag"] == "audio-classification"
    assert head["base_model"] == "org/wavlm"
    assert head["language"] == ["de", "pl"]


def test_the_licence_is_left_to_be_filled_in(make_card_data: Make) -> None:
    card = render_card(make_card_data())
    assert head_of(card)["license"] == "FILL-IN"
    assert "**To be filled in by who publishes this.**" in card
    assert "`gemini-2.5-flash-001`, some of which forbid training other models on their answers" in card


def test_it_names_no_clip_and_no_speaker(make_card_data: Make) -> None:
    data = make_card_data()
    card = render_card(data)
    named = [*data.clips["clip_id"], *data.clips["path"], *data.clips["speaker"], *data.clips["reason"].drop_nulls()]
    assert [name for name in named if name in card] == []


def test_the_scores_are_those_of_the_run_with_how_many_clips_they_are_of(make_card_data: Make) -> None:
    data = make_card_data()
    assert data.metrics is not None
    student = data.metrics["student"]
    card = render_card(data)
    (row,) = [line for line in card.splitlines() if line.startswith("| student |") and "±" in line]
    assert f"| {100 * student['ua']:.1f} ± " in row
    assert f"| {100 * student['wa']:.1f} | {100 * student['macro_f1']:.1f} | {100 * student['ece']:.1f} |" in row
    assert f"On the {student['n']} clips of the training data that have a gold label" in card


def test_it_says_that_gold_took_no_part_in_training(make_card_data: Make) -> None:
    card = " ".join(render_card(make_card_data()).split())
    assert "Gold was read for this table only: no label of these clips took part in training or in any choice" in card


def test_without_gold_it_says_that_nobody_knows_how_good_it_is(make_card_data: Make) -> None:
    card = render_card(make_card_data(has_gold=False))
    assert "Not known. There were no gold labels" in card
    assert "recall" not in card.split("## How good it is")[0].split("## Training data")[1]
    assert "UA" not in card


def test_the_classes_have_their_shares_and_recalls(make_card_data: Make) -> None:
    data = make_card_data()
    assert data.metrics is not None
    fused = 100 * (data.pseudo_labels["label"] == "sad").mean()
    student = 100 * (data.predictions["label"] == "sad").mean()
    recall, gold = 100 * data.metrics["student"]["recall"]["sad"], sum(data.metrics["student"]["confusion"][3])
    assert f"| sad | {fused:.1f} | {student:.1f} | {gold} | {recall:.1f} |" in render_card(data)


def test_agreement_is_between_all_systems(make_card_data: Make) -> None:
    data = make_card_data()
    same = 100 * (data.pseudo_labels["label"] == data.predictions["label"]).mean()
    (row,) = [
        line for line in render_card(data).splitlines() if line.startswith("| student |") and line.endswith("– |")
    ]
    assert row.split("|")[-3].strip() == f"{same:.1f}"


def test_a_simulated_teacher_is_called_a_simulation(make_card_data: Make) -> None:
    data = make_card_data()
    simulated = replace(data, teachers=[replace(data.teachers[0], kind="simulated"), data.teachers[1]])
    assert "`simulated`: rules of prosody on this machine, not a language model" in render_card(simulated)
    assert "rules of prosody" not in render_card(data)


def test_a_teacher_that_read_about_the_clips_is_marked(make_card_data: Make) -> None:
    card = render_card(make_card_data(heard={"lalm": "text proxy"}))
    assert "| LALM | `gemini` | `gemini-2.5-flash-001` | 5 | text proxy |" in card


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (LogMelSettings(), "| encoder | `logmel`, without weights |"),
        (HUB, "| encoder | `org/wavlm` at revision `1a2b`, 13 layers of 768 features, float32 |"),
        (HuggingFaceSettings(model="/made/encoder"), "| encoder | in `encoder/`, fine-tuned; 13 layers of 768"),
    ],
)
def test_the_encoder_is_told_by_where_it_is(make_card_data: Make, encoder: Any, told: str) -> None:
    assert told in render_card(make_card_data(encoder))


def test_an_encoder_from_a_folder_keeps_its_name_but_not_its_place(make_card_data: Make) -> None:
    data = make_card_data(HuggingFaceSettings(model="/made/encoder"))
    card = render_card(replace(data, encoder_name="whisper-base"))
    assert "copied from a folder called `whisper-base`" in card
    assert "/made" not in card


def test_the_settings_are_given_in_full(make_card_data: Make) -> None:
    card = render_card(make_card_data())
    settings = card.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(settings) == dict(make_card_data().settings)


def test_onnx_is_explained_where_it_is_there(make_card_data: Make) -> None:
    data = make_card_data()
    both, head = (render_card(replace(data, onnx=names)) for names in (["head.onnx", "model.onnx"], ["head.onnx"]))
    assert "onnx" not in render_card(data)
    assert "`onnx/model.onnx` from 16 kHz mono samples" in both
    assert "model.onnx" not in head
    assert "gave\ntorch's probabilities to within 0.0001 on real clips" in head


@pytest.mark.parametrize("pooling", ["mean", "attentive", LabelSignalPooling(), LabelSignalPooling(hears="means")])
def test_its_python_is_python(make_card_data: Make, pooling: Any) -> None:
    data = make_card_data()
    data = replace(data, config=config_of(HUB, data.config.classes, pooling=pooling), onnx=["head.onnx", "model.onnx"])
    blocks = [part.split("```")[0] for part in render_card(data).split("```python\n")[1:]]
    assert [compile(block, "card", "exec") is not None for block in blocks] == [True, True]
    assert ("frames=True" in blocks[0]) == (pooling in ("attentive", LabelSignalPooling()))


def test_a_student_of_label_signals_is_told_as_a_new_head(make_card_data: Make) -> None:
    data = make_card_data()
    config = config_of(HUB, data.config.classes, pooling=LabelSignalPooling(size=64, heads=4))
    card = render_card(
        replace(data, config=config, settings={**data.settings, "student": LabelSignalSettings().model_dump()})
    )
    assert "standardised, frames over time guided by label signals to 64 numbers, linear to" in card
    assert "| start | a new head, over the encoder and the labels of the source-trained classifier" in card


def test_the_start_is_the_classifier_and_earlier_students_are_told(make_card_data: Make) -> None:
    cold, warm = (render_card(replace(make_card_data(), warm_starts=n)) for n in (0, 3))
    assert "| start | the source-trained classifier, one of the teachers |" in cold
    assert "| start | the student of the run before, 3 times in a row since the source-trained classifier" in warm
