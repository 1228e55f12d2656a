"""The text encoder: what a transcript's row is, what it does not depend on, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from tasks.contracts.errors import CheckpointError
from tasks.encoders.text import TextSettings
from tasks.encoders.text_encoder import TextEncoder
from tests.encoders.text_models import save_text_model

TEXTS = ["yes", "a long answer", "no", "a long ansver", "yes!"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_model(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> TextEncoder:
    return TextSettings(model=str(folder)).build("cpu")


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def built(folder: Path) -> TextEncoder:
    return TextSettings(model=str(folder)).build("cpu")


def test_a_row_is_the_mean_of_each_layers_hidden_states_over_the_tokens(folder: Path, encoder: TextEncoder) -> None:
    rows_NLD, _ = encoder.read(TEXTS)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for text, row_LD in zip(TEXTS, rows_NLD, strict=True):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        expected = [sum(state[0, t].numpy() for t in range(len(text) + 2)) / (len(text) + 2) for state in states]
        np.testing.assert_allclose(row_LD, np.array(expected), atol=1e-6)


def test_a_row_does_not_depend_on_the_texts_beside_it(encoder: TextEncoder) -> None:
    together, _ = encoder.read([*TEXTS, "x" * 60])
    alone = np.concatenate([encoder.read([text])[0] for text in TEXTS])
    np.testing.assert_allclose(together[: len(TEXTS)], alone, atol=1e-6)


def test_two_texts_have_two_rows(encoder: TextEncoder) -> None:
    (one, other), _ = encoder.read(["a long answer", "a long ansver"])
    assert np.abs(one - other).max() > 1e-3


def test_a_text_that_is_too_long_is_read_up_to_the_models_limit(encoder: TextEncoder) -> None:
    """Of 64 tokens two stand around the text."""
    rows_NLD, cut = encoder.read(["ab" * 40, "ab" * 31])
    assert cut == 1
    np.testing.assert_allclose(rows_NLD[0], rows_NLD[1], atol=1e-6)


def test_the_models_places_limit_it_where_the_tokenizer_knows_no_limit(copied: Path) -> None:
    config = json.loads((copied / "tokenizer_config.json").read_text())
    (copied / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if "max" not in k}))
    assert built(copied).most_tokens == 64


def test_robertas_places_begin_behind_the_padding(tmp_path: Path) -> None:
    """Of 64 + 2 places it uses 64."""
    folder = save_text_model(tmp_path / "roberta")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.RobertaConfig(vocab_size=40, max_position_embeddings=60, pad_token_id=1, **sizes)
    transformers.RobertaModel(config).save_pretrained(folder)
    encoder = built(folder)
    assert encoder.most_tokens == 58
    assert encoder.read(["x" * 100])[1] == 1


def test_of_a_model_with_two_halves_the_first_one_reads(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "t5")
    config = transformers.T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2)
    transformers.T5Model(config).save_pretrained(folder)
    rows_NLD, _ = built(folder).read(["yes"])
    assert rows_NLD.shape == (1, 3, 16)


def test_moving_the_folder_changes_nothing(folder: Path, copied: Path) -> None:
    assert TextSettings(model=str(folder)).identity() == TextSettings(model=str(copied)).identity()


@pytest.mark.parametrize("file", ["tokenizer.json", "config.json", "model.safetensors"])
def test_what_is_read_of_the_folder_makes_another_encoder(folder: Path, copied: Path, file: str) -> None:
    with (copied / file).open("ab") as written:
        written.write(b" ")
    assert TextSettings(model=str(folder)).identity() != TextSettings(model=str(copied)).identity()


def test_a_name_on_the_hub_needs_a_revision() -> None:
    with pytest.raises(ValidationError, match='"org/bert" is a name on the hub and needs `revision`'):
        TextSettings(model="org/bert")
    assert TextSettings(model="org/bert", revision="1a2b").identity()["revision"] == "1a2b"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no text encoder there \(config.json is missing\)"):
        TextSettings(model=str(tmp_path)).identity()


def test_a_model_that_hears_is_refused(copied: Path) -> None:
    _write(copied / "config.json", transformers.WavLMConfig().to_dict())
    with pytest.raises(CheckpointError, match="a model of type wavlm is no text encoder"):
        built(copied)


def test_a_missing_tokenizer_is_refused(copied: Path) -> None:
    for file in copied.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(CheckpointError, match="its tokenizer knows 5 tokens, the model 34"):
        built(copied)


def test_a_damaged_tokenizer_is_refused(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"its tokenizer cannot be read \(tokenizer.json is missing or damaged\)"):
        built(copied)


def test_weights_that_would_be_random_are_refused(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r'1 weights are missing, such as "encoder.layer.1.output.dense.weight"'):
        built(copied)


def test_a_pooler_may_be_missing(encoder: TextEncoder, copied: Path) -> None:
    """As in what a masked language model saves: the hidden states do not go through it."""
    weights = {k: v for k, v in load_file(copied / "model.safetensors").items() if not k.startswith("pooler")}
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    np.testing.assert_array_equal(built(copied).read(["yes"])[0], encoder.read(["yes"])[0])


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))
