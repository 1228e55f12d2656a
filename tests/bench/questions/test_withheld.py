"""Classifiers that never met a class, widened."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch

from bench.questions.withheld import Place, manifest_without, source_without, train_without, widened
from bench.transfers.corpora import CLASSES
from bench.transfers.sources import classifier_folder, load
from tasks.encoders.base import Frames
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.networks.head import Head

KNOWN = [0, 1, 3]  # all but neutral
WIDE = ClassifierConfig(classes=CLASSES, encoder=LogMelSettings(), encoder_identity={}, n_layers=1, dim=6, hidden=8)


@pytest.fixture
def narrow() -> Head:
    torch.manual_seed(0)
    return Head(WIDE.model_copy(update={"classes": [CLASSES[c] for c in KNOWN]})).eval()


@pytest.fixture
def heard() -> Frames:
    return Frames(torch.randn(5, 1, 1, 6, generator=torch.Generator().manual_seed(1)), torch.ones(5, dtype=torch.long))


@pytest.mark.parametrize("place", ["never", "open"])
def test_the_known_classes_logits_stay(narrow: Head, heard: Frames, place: Place) -> None:
    wide = widened(narrow, WIDE, 2, place)
    torch.testing.assert_close(wide(heard)[:, KNOWN], narrow(heard))


def test_a_class_that_is_never_named_has_no_probability(narrow: Head, heard: Frames) -> None:
    assert widened(narrow, WIDE, 2, "never")(heard).softmax(dim=1)[:, 2].max() < 1e-8


def test_an_open_class_s_logit_is_the_mean_of_the_others(narrow: Head, heard: Frames) -> None:
    logits = widened(narrow, WIDE, 2, "open")(heard)
    torch.testing.assert_close(logits[:, 2], logits[:, KNOWN].mean(dim=1))


def test_the_widened_classifier_lies_where_a_cell_of_that_source_looks(tmp_path: Path, narrow: Head) -> None:
    """Its classes are in the benchmark's order."""
    corpus, classes = tmp_path / "toy", [CLASSES[c] for c in KNOWN]
    trained = classifier_folder(corpus.with_name("toy-without-neutral"), None, 0, tmp_path)
    save_classifier(trained, narrow, WIDE.model_copy(update={"classes": classes}))
    made = train_without(corpus, "neutral", "never", None, 0, tmp_path)
    assert made == classifier_folder(source_without(corpus, "neutral", "never"), None, 0, tmp_path)
    assert load(made)[0].to_logits.bias.argmin() == CLASSES.index("neutral")


def test_the_source_s_manifest_holds_the_other_classes_alone(write_corpus: Callable[..., Path]) -> None:
    rows = [{"path": f"{n}.wav", "label": CLASSES[n % 4], "speaker": "s"} for n in range(8)]
    corpus = write_corpus("toy", rows)
    kept = pl.read_csv(manifest_without(corpus, "neutral", corpus / "cache"))
    assert kept["label"].value_counts().sort("label").rows() == [("angry", 2), ("happy", 2), ("sad", 2)]
    assert all((corpus / path).is_file() for path in kept["path"])
