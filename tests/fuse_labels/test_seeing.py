"""Rules that look at the clips themselves: what they saw is kept beside the labels, and training repeats the fusion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.encoders.embedding import embed
from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.speakers import SpeakerCentred
from tasks.fusion.base import Draws
from tasks.fusion.generative import GenerativeRule
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.draws import read_draws
from tasks.storage.seen import read_seen

SmallRun = Any  # of conftest.py, which no test can import


@pytest.fixture(scope="module")
def run(make_small_run: Callable[..., SmallRun], tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return make_small_run(tmp_path_factory.mktemp("seeing"), rule=GenerativeRule())


@pytest.fixture(scope="module")
def clips(run: SmallRun) -> pl.DataFrame:
    return each_audio_once(read_usable_clips(run.clips))


def test_what_is_seen_is_the_embedding_less_what_the_first_labels_leave_of_the_speakers(
    run: SmallRun, clips: pl.DataFrame
) -> None:
    rows, sha256s = clips.select("sha256", "path", "duration_s").iter_rows(), clips["sha256"].to_list()
    files = [AudioFile(sha256, run.folder / path, duration_s) for sha256, path, duration_s in rows]
    heard = features_of(files, LogMelSettings(), run.features)
    draws = [Draws(*read_draws(path, sha256s, run.classes)) for path in run.draws.values()]
    first_NC = GenerativeRule().fit(draws, [], embed(heard)).posterior(draws, embed(heard))
    expected_ND = embed(SpeakerCentred(heard, clips["speaker"].to_list(), first_NC))
    np.testing.assert_array_equal(read_seen(run.root / "seen.parquet", sha256s), expected_ND)


def test_the_corpus_has_more_than_one_speaker(clips: pl.DataFrame) -> None:
    """Else the test above would not notice speakers in the wrong order."""
    assert clips["speaker"].n_unique() > 1


def test_labels_are_the_rules_own(run: SmallRun, clips: pl.DataFrame) -> None:
    sha256s = clips["sha256"].to_list()
    draws = [Draws(*read_draws(path, sha256s, run.classes)) for path in run.draws.values()]
    seen_ND = read_seen(run.root / "seen.parquet", sha256s)
    expected_NC = GenerativeRule().fit(draws, list(run.draws), seen_ND).posterior(draws, seen_ND)
    table = clips.select("sha256").join(pl.read_parquet(run.pseudo_labels), on="sha256", maintain_order="left")
    np.testing.assert_allclose(table.select(f"p_{name}" for name in run.classes).to_numpy(), expected_NC)


def test_weights_are_the_rules_own(run: SmallRun, clips: pl.DataFrame) -> None:
    sha256s = clips["sha256"].to_list()
    draws = [Draws(*read_draws(path, sha256s, run.classes)) for path in run.draws.values()]
    fitted = GenerativeRule().fit(draws, list(run.draws), read_seen(run.root / "seen.parquet", sha256s))
    table = clips.select("sha256").join(pl.read_parquet(run.pseudo_labels), on="sha256", maintain_order="left")
    found_NT = table.select(f"{name}_weight" for name in run.draws).to_numpy()
    np.testing.assert_allclose(found_NT, fitted.weights(draws))


def test_training_repeats_the_fusion_with_what_was_seen(run: SmallRun, tmp_path: Path) -> None:
    told = run.train(tmp_path, seen=run.root / "seen.parquet")
    assert told["clips"] == 16
    assert (tmp_path / "student" / "model.safetensors").is_file()


def test_a_rule_that_sees_nothing_keeps_nothing(small_run: SmallRun) -> None:
    assert not (small_run.root / "seen.parquet").exists()
