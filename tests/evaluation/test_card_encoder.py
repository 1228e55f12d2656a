"""What the card says of encoders: where each part is found, and what it gives."""

from typing import Any

import pytest

from tasks.evaluation.card_encoder import encoder_row
from tasks.networks.config import ClassifierConfig

WAVLM = {"kind": "huggingface", "model": "org/wavlm", "revision": "1a2b"}
CLAP = {"kind": "clap", "model": "/models/clap"}


def row(encoder: dict[str, Any], name: str | None = None, **given: Any) -> dict[str, str | None]:
    sizes = {"classes": ["a", "b"], "encoder_identity": {}, "n_layers": 13, "dim": 768}
    return encoder_row(ClassifierConfig.model_validate(sizes | {"encoder": encoder} | given), name)


@pytest.mark.parametrize(
    ("encoder", "name", "hub", "told"),
    [
        (WAVLM, None, "org/wavlm", "`org/wavlm` at revision `1a2b`, 13 layers of 768 features, float32"),
        (
            WAVLM | {"model": "/m"},
            "m",
            None,
            "in `encoder/`, copied from a folder called `m`; 13 layers of 768 features,",
        ),
        (WAVLM | {"model": "/m"}, None, None, "in `encoder/`, fine-tuned; 13 layers of 768 features, float32"),
        (
            CLAP,
            "clap",
            None,
            "in `encoder/` (clap), copied from a folder called `clap`; 13 layers of 768 features, float32",
        ),
        ({"kind": "logmel"}, None, None, "`logmel`, without weights"),
    ],
)
def test_one_encoder(encoder: dict[str, Any], name: str | None, hub: str | None, told: str) -> None:
    found = row(encoder, name)
    assert found["hub"] == hub
    assert str(found["told"]).startswith(told)


def test_joined_parts_are_told_one_beside_the_other() -> None:
    found = row({"kind": "joined", "parts": [WAVLM, CLAP]}, beside=[(1, 512)])
    assert found == {
        "hub": "org/wavlm",
        "short": "`org/wavlm`, beside it of `encoder/1/`",
        "told": "`org/wavlm` at revision `1a2b`, 13 layers of 768 features, float32, beside it in `encoder/1/` (clap); "
        "512 features, float32",
    }
