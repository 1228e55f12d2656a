"""CLAP's texts: vectors of length 1 that do not depend on which texts they are embedded with."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import transformers

from tasks.contracts.errors import CheckpointError
from tasks.encoders.clap import ClapSettings
from tasks.encoders.clap_text import ClapTexts, embed_texts, logit_scale
from tests.encoders.clap_models import save_clap

TEXTS = ["angry", "this person sounds happy.", "speech with sad emotion"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap"))


def test_a_text_is_embedded_as_transformers_does_it(folder: Path) -> None:
    processor = transformers.AutoProcessor.from_pretrained(folder)
    given = processor(text=[TEXTS[1]], return_tensors="pt")
    model = transformers.ClapModel.from_pretrained(folder).eval()
    expected = model.get_text_features(given["input_ids"], given["attention_mask"]).pooler_output[0].detach().numpy()
    np.testing.assert_allclose(embed_texts(ClapSettings(model=str(folder)), TEXTS, "cpu")[1], expected, atol=1e-6)


def test_vectors_have_length_1_and_differ(folder: Path) -> None:
    vectors = embed_texts(ClapSettings(model=str(folder)), TEXTS, "cpu")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors @ vectors.T - np.eye(3)).max() < 0.999


def test_a_text_does_not_depend_on_the_others(folder: Path) -> None:
    texts = ClapTexts(ClapSettings(model=str(folder)), "cpu")
    alone = np.concatenate([texts.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(texts.embed(TEXTS * 30)[[0, 1, 2, 87, 88, 89]], np.tile(alone, (2, 1)), atol=1e-6)


def test_no_text_gives_no_vector(folder: Path) -> None:
    assert embed_texts(ClapSettings(model=str(folder)), [], "cpu").shape == (0, 12)


def test_the_scale_is_the_models_for_a_clip_among_texts(folder: Path) -> None:
    assert math.isclose(logit_scale(ClapSettings(model=str(folder))), 20.0, rel_tol=1e-5)


def test_a_text_that_is_longer_than_the_model_reads_is_refused_and_the_longest_is_not(folder: Path) -> None:
    texts = ClapTexts(ClapSettings(model=str(folder)), "cpu")
    assert texts.embed([" ".join(["angry"] * 44)]).shape == (1, 12)
    with pytest.raises(
        CheckpointError, match=r'reads at most 46 tokens, and "angry angry .*…" has more. Take a shorter'
    ):
        texts.embed(["sad", " ".join(["angry"] * 45)])


def test_texts_that_are_one_to_the_tokenizer_are_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match='its tokenizer reads "wistful" and "languid" as the same text'):
        embed_texts(ClapSettings(model=str(folder)), ["wistful", "languid"], "cpu")


def test_a_missing_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(folder, tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(CheckpointError, match="its tokenizer cannot be read"):
        embed_texts(ClapSettings(model=str(bare)), TEXTS, "cpu")
