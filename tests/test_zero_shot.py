"""The stage: `clips.parquet` → `draws/<teacher>.parquet` of a dual encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soxr
import transformers

from tasks.contracts.tables import draws_schema, p_columns
from tasks.encoders import clap_text
from tasks.maths.threads import one_thread
from tasks.storage.audio import read_audio
from tasks.storage.repeats import write_pair
from tasks.storage.tables import read_metadata, read_table
from tasks.teachers.zero_shot import ZeroShotSettings
from tasks.zero_shot import pairs_of, zero_shot
from tests.encoders.clap_models import save_clap

SmallRun = Any  # of conftest.py, which no test can import


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


def draw(run: SmallRun, clap: Path, features: Path, out: Path, **given: Any) -> pl.DataFrame:
    teacher = ZeroShotSettings.model_validate({"model": str(clap), "device": "cpu", **given.pop("teacher", {})})
    zero_shot.fn(teacher, run.classes, given.pop("clips", run.clips), run.folder, features, out, **given)
    return read_table(out, draws_schema(run.classes))


def test_every_clip_has_a_draw_for_each_prompt(small_run: SmallRun, clap: Path, features: Path, tmp_path: Path) -> None:
    table = draw(small_run, clap, features, tmp_path / "z.parquet")
    clips = pl.read_parquet(small_run.clips)
    assert table["clip_id"].to_list() == [clip_id for clip_id in clips["clip_id"] for _ in range(3)]
    assert table["draw"].to_list() == [0, 1, 2] * clips.height
    assert table["status"].unique().to_list() == ["answered"]
    assert table["heard"].unique().to_list() == ["audio"]
    assert table["unmapped"].unique().to_list() == [0.0]
    assert table["model_version"].n_unique() == 1
    assert table["model_version"][0].endswith(", zero-shot, float32")
    np.testing.assert_allclose(table.select(p_columns(small_run.classes)).sum_horizontal(), 1)


def test_a_draw_is_what_transformers_own_pipeline_says_under_that_prompt(
    small_run: SmallRun, clap: Path, features: Path, tmp_path: Path
) -> None:
    table = draw(small_run, clap, features, tmp_path / "z.parquet")
    path, clip_id = pl.read_parquet(small_run.clips).sort("duration_s").select("path", "clip_id").row(0)
    wave = soxr.resample(read_audio((small_run.folder / path).read_bytes()), 16_000, 48_000)
    window = wave[(len(wave) - 48_000) // 2 :][:48_000] if len(wave) > 48_000 else wave
    pipeline = transformers.pipeline("zero-shot-audio-classification", model=str(clap))
    for number, prompt in enumerate(["{}", "this person sounds {}.", "speech with {} emotion"]):
        said = pipeline(window, candidate_labels=small_run.classes, hypothesis_template=prompt)
        theirs = {row["label"]: row["score"] for row in said}
        ours = table.filter((pl.col("clip_id") == clip_id) & (pl.col("draw") == number))
        expected = [[theirs[name] for name in small_run.classes]]
        np.testing.assert_allclose(ours.select(p_columns(small_run.classes)), expected, atol=1e-5)


def test_the_file_says_what_each_draw_asked(small_run: SmallRun, clap: Path, features: Path, tmp_path: Path) -> None:
    given = {"prompts": ["{e}", "a {e} sound"], "repeats": [[1, 1], [2, 3]]}
    table = draw(small_run, clap, features, tmp_path / "z.parquet", teacher=given)
    asked = json.loads(read_metadata(tmp_path / "z.parquet")["asked"])
    assert table["draw"].max() == len(asked) - 1 == 3
    assert asked[1] == {"prompt": "{e}", "audio_repeats": 2, "text_repeats": 3}
    assert asked[2] == {"prompt": "a {e} sound", "audio_repeats": 1, "text_repeats": 1}


def test_the_same_input_gives_the_same_bytes(small_run: SmallRun, clap: Path, features: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(small_run, clap, features, tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_other_prompts_hear_no_clip_again_and_embed_each_text_once(
    small_run: SmallRun, clap: Path, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(small_run, clap, features, tmp_path / "z.parquet")
    stored = {path: path.stat().st_mtime_ns for path in features.rglob("*.*")}
    asked: list[str] = []
    embed = clap_text.ClapTexts.embed
    monkeypatch.setattr(clap_text.ClapTexts, "embed", lambda self, texts: asked.extend(texts) or embed(self, texts))
    given = {"prompts": ["{e}", "a {e} sound", "speech with {e}"], "repeats": [[1, 1], [1, 2]]}
    draw(small_run, clap, features, tmp_path / "other.parquet", teacher=given)
    assert stored == {path: path.stat().st_mtime_ns for path in features.rglob("*.*")}
    assert len(asked) == len(set(asked)) == 3 * 2 * 4  # prompts x repeats x classes


def test_the_order_of_the_classes_is_no_matter(small_run: SmallRun, clap: Path, features: Path, tmp_path: Path) -> None:
    table = draw(small_run, clap, features, tmp_path / "z.parquet")
    turned = small_run.classes[::-1]
    teacher = ZeroShotSettings(model=str(clap), device="cpu")
    zero_shot.fn(teacher, turned, small_run.clips, small_run.folder, features, tmp_path / "t.parquet")
    columns = p_columns(small_run.classes)
    found = read_table(tmp_path / "t.parquet", draws_schema(turned)).select(columns)
    np.testing.assert_allclose(found, table.select(columns), atol=1e-12)


def test_with_chosen_repeats_the_pair_of_the_table_is_asked(small_run: SmallRun, clap: Path, tmp_path: Path) -> None:
    write_pair(tmp_path / "pair.parquet", (3, 2))
    chosen = ZeroShotSettings(model=str(clap), repeats="chosen", grid=[1, 2, 3])
    assert pairs_of(chosen, tmp_path / "pair.parquet") == [(3, 2)]
    draws, given = {}, {"repeats": [[3, 2]]}
    draws["given"] = draw(small_run, clap, tmp_path / "f", tmp_path / "g.parquet", teacher=given)
    asked = {"teacher": {"repeats": "chosen", "grid": [1, 2, 3]}, "repeats": tmp_path / "pair.parquet"}
    draws["chosen"] = draw(small_run, clap, tmp_path / "f", tmp_path / "c.parquet", **asked)
    assert draws["chosen"].equals(draws["given"])
