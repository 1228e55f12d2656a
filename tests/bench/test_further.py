"""A third teacher, frames, and further representations, for methods that want them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.transfers.cell import Cell, Ready, Scene
from bench.transfers.corpora import CLASSES
from bench.transfers.further import with_further
from bench.transfers.methods import LITTLE, METHODS, NOTHING
from bench.transfers.running import NotDefinedError, run_method, training_data
from bench.transfers.stand_ins import rng_of
from bench.transfers.third_teacher import random_clap, third_draws
from tasks.encoders.features import Means

BY_NAME = {method.name: method for method in METHODS}
EQUAL = BY_NAME[f"three teachers (+ {LITTLE}): fused: equal"]
BEST = BY_NAME[f"three teachers (+ {LITTLE}): best"]


@pytest.fixture
def third_NKC() -> np.ndarray:
    return rng_of("third").dirichlet(np.ones(4), size=(16, 3))


@pytest.fixture
def corpus(write_corpus: Callable[..., Path], write_tone: Callable[..., Path]) -> Path:
    """Four clips that can be heard."""
    folder = write_corpus("heard", [{"path": f"{label}.wav", "label": label} for label in CLASSES])
    for n, label in enumerate(CLASSES):
        write_tone(folder / f"{label}.wav", duration_s=0.4, hz=200 + 100 * n)
    return folder


def test_equal_is_the_mean_of_all_three(ready: Ready, third_NKC: np.ndarray) -> None:
    draws = (ready.lalm_NKC, ready.classifier_draws("target", ready.split.adapt, 0), third_NKC)
    expected = np.mean([teacher.mean(axis=1) for teacher in draws], axis=0)
    heard = run_method(EQUAL, replace(ready, third_NKC=third_NKC), 0).probs_NC
    np.testing.assert_allclose(heard, expected)


def test_the_rule_in_training_hears_all_three_and_the_classifier_anew(ready: Ready, third_NKC: np.ndarray) -> None:
    data = training_data(EQUAL, "rule", replace(ready, third_NKC=third_NKC), 0)
    assert [draws is None for draws in data.draws] == [name == "classifier" for name in EQUAL.teachers]


def test_a_trainer_that_labels_anew_gets_the_third_s_draws(ready: Ready, third_NKC: np.ndarray) -> None:
    data = training_data(BEST, "views", replace(ready, third_NKC=third_NKC), 0)
    lalm, third = data.draws
    assert lalm is not None
    assert third is not None
    np.testing.assert_allclose(third.probs_NKC.numpy(), third_NKC, atol=1e-6)


def test_methods_of_two_do_not_hear_a_third(ready: Ready, third_NKC: np.ndarray) -> None:
    fused = BY_NAME["fused: generative"]
    with_third = replace(ready, third_NKC=third_NKC)
    np.testing.assert_array_equal(run_method(fused, with_third, 0).probs_NC, run_method(fused, ready, 0).probs_NC)


def test_a_random_clap_draws_once_for_each_prompt(corpus: Path, tmp_path: Path) -> None:
    draws_NKC = third_draws(NOTHING, corpus, 0, tmp_path)
    assert draws_NKC.shape == (4, 3, 4)
    np.testing.assert_allclose(draws_NKC.sum(axis=-1), 1)
    assert np.abs(draws_NKC[:, 0] - draws_NKC[:, 1]).max() > 1e-3


def test_the_random_clap_is_made_once(tmp_path: Path) -> None:
    before = (random_clap(tmp_path) / "model.safetensors").stat().st_mtime_ns
    assert (random_clap(tmp_path) / "model.safetensors").stat().st_mtime_ns == before


def test_a_third_teacher_that_does_not_exist_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'no third teacher "parrot"\. Known: simulated, random CLAP\.'):
        third_draws("parrot", corpus, 0, tmp_path)


def test_logmel_has_no_frames(ready: Ready, tmp_path: Path) -> None:
    cell = Cell(Scene(), tmp_path, tmp_path, None, 0)
    with pytest.raises(NotDefinedError, match="logmel hears a clip as one frame"):
        with_further(ready, cell, BY_NAME["label-signal student (frames)"], tmp_path)


def test_a_cohort_gets_its_representations_in_the_order_of_the_clips(ready: Ready) -> None:
    other = Means(torch.arange(16.0)[:, None, None])
    halved = replace(ready, others=(other,), split=replace(ready.split, adapt=np.arange(4, 12)))
    [given] = training_data(BY_NAME["cohort"], "views", halved, 0).others
    assert given.rows(range(8)).means_BLD().flatten().tolist() == list(range(4, 12))
