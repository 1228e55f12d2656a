"""The stage: labelled source clips → which repeats a dual encoder is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tasks.choose_repeats import choose_repeats
from tasks.encoders.clap_text import ClapTexts
from tasks.encoders.features import AudioFile, Means, features_of
from tasks.maths.threads import one_thread
from tasks.storage.repeats import read_repeats
from tasks.students.source_clips import LabelledClips, split_clips
from tasks.students.source_settings import SourceSettings
from tasks.teachers.zero_shot import ZeroShotSettings
from tests.encoders.clap_models import save_clap

SmallRun = Any  # of conftest.py, which no test can import


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap"), seed=3)


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def labelled(small_run: SmallRun, tmp_path: Path) -> Path:
    """The sixteen clips as a labelled source: two speakers, each with two clips of every class."""
    clips = (
        pl.read_parquet(small_run.clips)
        .sort("sha256")
        .with_columns(pl.col("clip_id").str.split("-").list[0].alias("gold_label"))
    )
    second = pl.int_range(pl.len()).over("gold_label") % 2
    clips.with_columns(speaker=pl.concat_str(pl.lit("s"), second)).write_parquet(tmp_path / "labelled.parquet")
    return tmp_path / "labelled.parquet"


def choose(run: SmallRun, clap: Path, features: Path, labelled: Path, out: Path, **given: Any) -> pl.DataFrame:
    teacher = ZeroShotSettings(model=str(clap), device="cpu", repeats="chosen", grid=[1, 2], **given)
    source = SourceSettings.model_validate({"clips": {"folder": str(run.folder)}, "validation": 0.5})
    choose_repeats.fn(teacher, run.classes, source, labelled, run.folder, features, out, out.with_stem("pair"))
    return read_repeats(out)


def test_every_pair_of_the_grid_is_tried_on_the_clips_that_are_held_out(
    small_run: SmallRun, clap: Path, features: Path, labelled: Path, tmp_path: Path
) -> None:
    table = choose(small_run, clap, features, labelled, tmp_path / "r.parquet")
    assert table.select("r_a", "r_t").rows() == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert table["n"].to_list() == [8] * 4
    assert table["chosen"].sum() == 1


def test_ua_is_that_of_the_prompt_ensemble_on_these_clips(
    small_run: SmallRun, clap: Path, features: Path, labelled: Path, tmp_path: Path
) -> None:
    """Literally: transformers' vectors of the prompts, averaged; the nearest class of each held-out clip."""
    table, classes = choose(small_run, clap, features, labelled, tmp_path / "r.parquet"), small_run.classes
    clips = pl.read_parquet(labelled)
    labels_N = torch.tensor([classes.index(label) for label in clips["gold_label"]])
    parts = LabelledClips(Means(torch.zeros(16, 1, 1)), labels_N, clips["speaker"].to_list())
    held_out = clips[split_clips(parts, classes, 0.5, 0).held_out]
    teacher = ZeroShotSettings(model=str(clap), device="cpu")
    texts = ClapTexts(teacher.encoder(1), "cpu")
    embedded = np.stack([texts.embed([p.replace("{e}", f"{c} {c}") for c in classes]) for p in teacher.prompts])
    files = [
        AudioFile(s, small_run.folder / p, d) for s, p, d in held_out.select("sha256", "path", "duration_s").rows()
    ]
    heard = (
        features_of(files, teacher.encoder(2), tmp_path / "f", device="cpu").rows(range(8)).means_BLD()[:, 0].numpy()
    )
    right = (heard @ embedded.mean(axis=0).T / np.linalg.norm(embedded.mean(axis=0), axis=1)).argmax(axis=1)
    is_right = pl.DataFrame(
        {"label": held_out["gold_label"], "right": right == [classes.index(g) for g in held_out["gold_label"]]}
    )
    ua = is_right.group_by("label").agg(pl.col("right").mean())["right"].mean()
    assert table.filter((pl.col("r_a") == 2) & (pl.col("r_t") == 2))["ua"].item() == pytest.approx(ua)


def test_a_class_that_the_source_lacks_is_no_hindrance(
    small_run: SmallRun, clap: Path, features: Path, labelled: Path, tmp_path: Path
) -> None:
    pl.read_parquet(labelled).filter(pl.col("gold_label") != "sad").write_parquet(labelled)
    table = choose(small_run, clap, features, labelled, tmp_path / "r.parquet")
    assert table["n"].unique().to_list() == [6]
    assert table["ua"].is_between(0, 1).all()


def test_the_other_clips_are_not_even_heard(small_run: SmallRun, clap: Path, labelled: Path, tmp_path: Path) -> None:
    choose(small_run, clap, tmp_path / "f", labelled, tmp_path / "r.parquet")
    stores = list((tmp_path / "f").glob("clap-*"))
    assert len(stores) == 2  # one for each number of audio repeats
    from tasks.storage.features import FeatureStore

    assert [len(FeatureStore(store).known()) for store in stores] == [8, 8]
