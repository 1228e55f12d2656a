"""Manifests of any corpus."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from bench.transfers.corpora import CLASSES, corpora_in, read_corpus

WriteCorpus = Callable[..., Path]
FOUR = [{"path": f"{label}.wav", "label": label} for label in CLASSES]


def _four() -> list[dict[str, str]]:
    return [dict(row) for row in FOUR]


def test_usual_names_of_the_four_classes_are_known(write_corpus: WriteCorpus) -> None:
    rows = [{"path": f"{n}.wav", "label": label} for n, label in enumerate(["Anger", "joy", "neutral", "sadness"])]
    corpus = read_corpus(write_corpus("c", rows))
    assert [file.path.stem == str(gold) for file, gold in zip(corpus.files, corpus.gold_N, strict=True)] == [True] * 4


def test_clips_of_other_classes_are_left_out_and_counted(write_corpus: WriteCorpus) -> None:
    corpus = read_corpus(write_corpus("c", [*_four(), {"path": "d.wav", "label": "disgust"}]))
    assert (len(corpus.files), corpus.left_out) == (4, 1)


def test_audio_that_occurs_twice_counts_once(write_corpus: WriteCorpus) -> None:
    again = {"path": "again.wav", "label": "sad", "bytes": "sad.wav"}
    names = [file.path.name for file in read_corpus(write_corpus("c", [*_four(), again])).files]
    assert sorted(names) == ["angry.wav", "happy.wav", "neutral.wav", "sad.wav"]


def test_the_order_of_the_manifest_tells_nothing(write_corpus: WriteCorpus) -> None:
    one, two = read_corpus(write_corpus("c", _four())), read_corpus(write_corpus("d", _four()[::-1]))
    assert one.sha256s == two.sha256s == sorted(one.sha256s)


def test_a_corpus_without_one_of_the_classes_is_refused(write_corpus: WriteCorpus) -> None:
    with pytest.raises(click.UsageError, match=r"no clips of {'sad'} in its manifest.csv"):
        read_corpus(write_corpus("c", _four()[:3]))


def test_one_corpus_is_not_enough(write_corpus: WriteCorpus) -> None:
    folder = write_corpus("only", _four())
    with pytest.raises(click.UsageError, match=r"expected two corpora or more in .* got only"):
        corpora_in(folder.parent)
