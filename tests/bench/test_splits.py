"""Skewed shares, and halves that share nobody."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest

from bench.transfers.corpora import CLASSES, read_corpus
from bench.transfers.splits import skewed_rows, split_of
from bench.transfers.stand_ins import rng_of

WriteCorpus = Callable[..., Path]
GOLD_N = np.repeat(np.arange(4), 100)


def test_classes_are_as_frequent_as_asked() -> None:
    kept_C = np.bincount(GOLD_N[skewed_rows(GOLD_N, rng_of("a"))])
    assert sorted(kept_C.tolist()) == [12, 25, 50, 100]


def test_the_largest_class_is_not_always_the_same() -> None:
    largest = {int(np.bincount(GOLD_N[skewed_rows(GOLD_N, rng_of(seed))]).argmax()) for seed in range(20)}
    assert largest == {0, 1, 2, 3}


def test_no_clip_is_taken_twice() -> None:
    rows = skewed_rows(GOLD_N, rng_of("a"))
    assert len(set(rows.tolist())) == len(rows)


def _spoken(sentences: bool) -> list[dict[str, str]]:
    """Four speakers say six sentences in each class."""
    rows = []
    for speaker in range(4):
        for sentence in range(6):
            for c, label in enumerate(CLASSES):
                name = f"{speaker:02}a{sentence:02}Wa" if sentences else f"{speaker}-{sentence}"
                path = f"{name[:-1]}{'abcd'[c]}.wav" if sentences else f"{name}-{c}.wav"
                rows.append({"path": path, "label": label, "speaker": f"s{speaker}"})
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_halves_share_no_speaker_and_no_sentence(write_corpus: WriteCorpus, seed: int) -> None:
    corpus = read_corpus(write_corpus("c", _spoken(sentences=True)))
    split = split_of(corpus, False, True, rng_of(seed))
    assert corpus.sentences is not None
    for names in (corpus.speakers, corpus.sentences):
        adapted, tested = ({names[row] for row in rows} for rows in (split.adapt, split.test))
        assert len(adapted) == len(tested) == len(set(names)) / 2
        assert not adapted & tested


def test_without_sentences_all_clips_of_a_half_s_speakers_count(write_corpus: WriteCorpus) -> None:
    corpus = read_corpus(write_corpus("c", _spoken(sentences=False)))
    split = split_of(corpus, False, True, rng_of(0))
    assert sorted([*split.adapt, *split.test]) == list(range(96))


def test_transductive_means_the_same_clips(write_corpus: WriteCorpus) -> None:
    split = split_of(read_corpus(write_corpus("c", _spoken(sentences=False))), True, False, rng_of(0))
    assert split.adapt.tolist() == split.test.tolist()


def test_halves_of_nobody_are_refused(write_corpus: WriteCorpus) -> None:
    rows = [{"path": f"{label}.wav", "label": label} for label in CLASSES]
    with pytest.raises(click.UsageError, match=r"--inductive needs a column `speaker` in manifest\.csv"):
        split_of(read_corpus(write_corpus("c", rows)), False, True, rng_of(0))
