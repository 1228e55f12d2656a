"""`source:` in pipelines.yaml: what fits together and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.encoders.trainable import Top
from tasks.students.source_settings import SourceSettings

WAVLM = {"kind": "huggingface", "model": "microsoft/wavlm-base-plus", "revision": "main"}


def read(**given: Any) -> SourceSettings:
    return SourceSettings.model_validate({"clips": {"folder": "audio"}} | given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trainable": "all"}, "`trainable`: the encoder logmel has no weights to train"),
        ({"trainable": {"top": 2}}, "`trainable`: the encoder logmel has no weights to train"),
        ({"pooling": "attentive"}, "`pooling`: logmel hears a clip as one frame"),
        ({"encoder": WAVLM, "encoder_learning_rate": 1e-4}, "`encoder_learning_rate`: the encoder is not trained"),
        ({"encoder": WAVLM, "frames": "recompute"}, "`frames`: only pooling over the frames of an encoder that is not"),
        (
            {"encoder": WAVLM, "frames": "store", "pooling": "attentive", "trainable": "all"},
            "`frames`: only pooling over the frames of an encoder that is not trained",
        ),
        ({"trainable": {"top": 0}}, "greater than or equal to 1"),
        ({"trainable": "some"}, "'none' or 'all'"),
        ({"validation": 0}, "greater than 0"),
        ({"class_weights": "equal"}, "'balanced' or 'none'"),
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        read(**given)


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(ValidationError, match=r"(?s)`trainable`: .*`pooling`: "):
        read(trainable="all", pooling="attentive")


@pytest.mark.parametrize(
    ("trainable", "fine_tunes"), [("none", False), ("all", True), ({"top": 4}, True)], ids=["none", "all", "top"]
)
def test_an_encoder_with_weights_may_be_trained(trainable: Any, fine_tunes: bool) -> None:
    settings = read(encoder=WAVLM, trainable=trainable)
    assert settings.fine_tunes == fine_tunes
    assert settings.trainable == (Top(top=4) if isinstance(trainable, dict) else trainable)


def test_attentive_pooling_may_keep_frames_or_not() -> None:
    assert read(encoder=WAVLM, pooling="attentive", frames="recompute").frames == "recompute"


def test_where_the_audio_lies_is_no_part_of_the_fingerprint_and_every_number_is() -> None:
    assert read().fingerprint() == read(clips={"folder": "elsewhere"}).fingerprint()
    for name in ("epochs", "patience", "batch_size", "seeds", "seed"):
        assert read(**{name: 3}).fingerprint() != read().fingerprint(), name


def test_label_signals_hear_frames_where_the_encoder_has_some_and_may_keep_them_or_not() -> None:
    guided = {"kind": "label_signal"}
    assert read(encoder=WAVLM, pooling=guided, frames="recompute").hears_frames
    assert not read(pooling=guided).hears_frames  # logmel hears a clip as one frame
    with pytest.raises(ValidationError, match="`frames`: only pooling over the frames of an encoder"):
        read(encoder=WAVLM, pooling=guided | {"hears": "means"}, frames="recompute")


def test_label_signals_hear_one_part_beside_the_audio() -> None:
    texts = [{"kind": "text", "model": f"some/text-{n}", "revision": "main"} for n in range(2)]
    read(encoder={"kind": "joined", "parts": [{"kind": "logmel"}, texts[0]]}, pooling={"kind": "label_signal"})
    with pytest.raises(ValidationError, match=r"`pooling`: label_signal hears two parts, .* there are 3"):
        read(encoder={"kind": "joined", "parts": [{"kind": "logmel"}, *texts]}, pooling={"kind": "label_signal"})
