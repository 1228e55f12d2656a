"""The stage: `clips.parquet` → `statistics/classifier.parquet`, and the student that starts from them."""

import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tasks.contracts.errors import ClipsError
from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.folder import load_classifier
from tasks.networks.statistics import Statistics, read_statistics, write_statistics
from tasks.storage.tables import read_metadata
from tasks.target_statistics import MAX_DRIFT

SmallRun = Any  # of conftest.py, which no test can import


@pytest.fixture
def some_clips(small_run: SmallRun, tmp_path: Path) -> Callable[[Collection[str]], Path]:
    """`clips.parquet` with these clips alone."""

    def keep(clip_ids: Collection[str]) -> Path:
        path = tmp_path / f"clips-{len(clip_ids)}.parquet"
        pl.read_parquet(small_run.clips).filter(pl.col("clip_id").is_in(list(clip_ids))).write_parquet(path)
        return path

    return keep


@pytest.fixture
def all_but_one(small_run: SmallRun, some_clips: Callable[[Collection[str]], Path]) -> Path:
    return some_clips(pl.read_parquet(small_run.clips)["clip_id"].to_list()[:-1])


def test_they_are_mean_and_deviation_of_the_clips_features(small_run: SmallRun, tmp_path: Path) -> None:
    told = small_run.estimate(tmp_path / "s.parquet")
    rows = pl.read_parquet(small_run.clips).select("sha256", "path", "duration_s").iter_rows()
    files = [AudioFile(sha256, small_run.folder / path, duration_s) for sha256, path, duration_s in rows]
    found = features_of(files, LogMelSettings(), small_run.features)
    means_ND = found.rows(range(len(found))).means_BLD().double().numpy()[:, 0]
    table = pl.read_parquet(tmp_path / "s.parquet")
    np.testing.assert_allclose(table["mean"], means_ND.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(table["std"], means_ND.std(axis=0).clip(1e-5), rtol=1e-4, atol=1e-6)
    assert told == {"clips": 16, "statistics": "estimated"}


def test_the_file_says_what_it_was_estimated_on(small_run: SmallRun, all_but_one: Path, tmp_path: Path) -> None:
    small_run.estimate(tmp_path / "all.parquet", classifier="one")
    small_run.estimate(tmp_path / "fewer.parquet", classifier="one", clips_table=all_but_one)
    every, fewer = (read_metadata(tmp_path / f"{name}.parquet") for name in ("all", "fewer"))
    assert (every["clips"], fewer["clips"]) == ("16", "15")
    assert every["clips_sha256"] != fewer["clips_sha256"]
    assert every["classifier"] == "one"


def test_neither_gold_labels_nor_names_nor_a_second_copy_change_a_byte(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    def edit(folder: Path) -> None:
        shutil.copy(folder / "audio" / "sad-0.wav", folder / "audio" / "again.wav")
        rows = pl.read_csv(folder / "manifest.csv").with_columns(pl.col("label").shuffle(seed=1))
        copy = rows.filter(clip_id="sad-0").with_columns(clip_id=pl.lit("again"), path=pl.lit("audio/again.wav"))
        renamed = rows.with_columns(clip_id=pl.when(clip_id="angry-1").then(pl.lit("zebra")).otherwise("clip_id"))
        pl.concat([copy, renamed]).write_csv(folder / "manifest.csv")

    edited = make_small_run(tmp_path / "edited", edit=edit)
    assert pl.read_parquet(edited.clips).height == 17
    small_run.estimate(tmp_path / "a.parquet")
    edited.estimate(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_one_more_clip_leaves_every_byte(small_run: SmallRun, all_but_one: Path, tmp_path: Path) -> None:
    small_run.estimate(tmp_path / "first.parquet", clips_table=all_but_one)
    told = small_run.estimate(tmp_path / "second.parquet", frozen=tmp_path / "first.parquet")
    assert (tmp_path / "second.parquet").read_bytes() == (tmp_path / "first.parquet").read_bytes()
    assert told["statistics"] == "kept (estimated on 15 clips)"
    assert 0 < told["drift"] < MAX_DRIFT


@pytest.mark.parametrize(("moved", "is_kept"), [(0.95, True), (-0.95, True), (1.05, False), (-1.05, False)])
def test_they_are_estimated_again_where_the_clips_have_drifted_by_more_than_the_bound(
    small_run: SmallRun, tmp_path: Path, moved: float, is_kept: bool
) -> None:
    small_run.estimate(tmp_path / "now.parquet")
    now = read_statistics(tmp_path / "now.parquet")
    frozen = Statistics(now.mean_LD + moved * MAX_DRIFT * now.std_LD, now.std_LD)
    write_statistics(tmp_path / "frozen.parquet", frozen, read_metadata(tmp_path / "now.parquet"))
    told = small_run.estimate(tmp_path / "next.parquet", frozen=tmp_path / "frozen.parquet")
    expected = tmp_path / ("frozen.parquet" if is_kept else "now.parquet")
    assert (tmp_path / "next.parquet").read_bytes() == expected.read_bytes()
    assert told["statistics"] == ("kept (estimated on 16 clips)" if is_kept else "re-estimated: drift 0.1")


def test_other_voices_are_a_drift(
    small_run: SmallRun, some_clips: Callable[[Collection[str]], Path], tmp_path: Path
) -> None:
    sad = some_clips([f"sad-{n}" for n in range(4)])
    small_run.estimate(tmp_path / "sad.parquet", clips_table=sad)
    told = small_run.estimate(tmp_path / "all.parquet", frozen=tmp_path / "sad.parquet")
    assert told["statistics"].startswith("re-estimated: drift ")
    small_run.estimate(tmp_path / "anew.parquet")
    assert (tmp_path / "all.parquet").read_bytes() == (tmp_path / "anew.parquet").read_bytes()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"force": True}, "re-estimated, forced: drift 0.0"),
        ({"classifier": "another"}, "re-estimated: another classifier"),
    ],
)
def test_they_are_estimated_again_on_request_and_for_another_classifier(
    small_run: SmallRun, all_but_one: Path, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    small_run.estimate(tmp_path / "first.parquet", clips_table=all_but_one)
    stats = small_run.estimate(tmp_path / "second.parquet", frozen=tmp_path / "first.parquet", **changed)
    assert stats["statistics"].startswith(told)
    assert read_metadata(tmp_path / "second.parquet")["clips"] == "16"


def test_one_recording_is_refused(
    small_run: SmallRun, some_clips: Callable[[Collection[str]], Path], tmp_path: Path
) -> None:
    with pytest.raises(ClipsError, match=r"1 usable recording; .*needs at least 2.* Set `standardise: source`"):
        small_run.estimate(tmp_path / "s.parquet", clips_table=some_clips(["sad-0"]))


def test_a_head_that_pools_frames_needs_time_means_alone(small_run: SmallRun, tmp_path: Path) -> None:
    shutil.copytree(small_run.teacher.path, tmp_path / "attentive")
    config = json.loads((tmp_path / "attentive" / "config.json").read_text())
    (tmp_path / "attentive" / "config.json").write_text(json.dumps(config | {"pooling": "attentive"}))
    stores = sorted(small_run.features.iterdir())
    small_run.estimate(tmp_path / "mean.parquet")
    teacher = small_run.teacher.model_copy(update={"path": tmp_path / "attentive"})
    small_run.estimate(tmp_path / "attentive.parquet", teacher=teacher)
    assert (tmp_path / "attentive.parquet").read_bytes() == (tmp_path / "mean.parquet").read_bytes()
    assert sorted(small_run.features.iterdir()) == stores


def test_the_student_carries_them_in_its_own_weights(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.estimate(tmp_path / "s.parquet")
    small_run.train(tmp_path, statistics=tmp_path / "s.parquet")
    student, _ = load_classifier(tmp_path / "student")
    classifier, _ = load_classifier(small_run.teacher.path)
    estimated = read_statistics(tmp_path / "s.parquet")
    assert torch.equal(student.mean_LD, estimated.mean_LD)
    assert torch.equal(student.std_LD, estimated.std_LD)
    assert not torch.equal(student.mean_LD, classifier.mean_LD)
