"""The stage with `recipe: best`: labels made anew from the paid draws, who speaks, and the stored features."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.contracts.tables import p_columns
from tasks.maths.threads import one_thread
from tasks.students.mi_fuse import MIFuseSettings
from tasks.teachers.mc_dropout import MCDropoutSettings

SmallRun = Any  # of conftest.py, which no test can import
BEST = MIFuseSettings(steps=30, batch_size=8, learning_rate=0.01)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def labels_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "student" / "labels.parquet")


def edit_manifest(**columns: pl.Expr) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        pl.read_csv(folder / "manifest.csv").with_columns(**columns).write_csv(folder / "manifest.csv")

    return edit


def test_what_the_student_learnt_from_is_a_table_in_its_folder(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path, student=BEST)
    labels = labels_of(tmp_path)
    assert labels["sha256"].to_list() == sorted(pl.read_parquet(small_run.clips)["sha256"])
    probs_NC = labels.select(p_columns(small_run.classes)).to_numpy()
    np.testing.assert_allclose(probs_NC.sum(axis=1), 1, atol=1e-6)
    assert labels["label"].to_list() == [small_run.classes[c] for c in probs_NC.argmax(axis=1)]


def test_they_are_not_the_pipelines_labels(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path, student=BEST)
    pipelines = pl.read_parquet(small_run.pseudo_labels).sort("sha256").select(p_columns(small_run.classes))
    assert (
        np.abs(labels_of(tmp_path).select(p_columns(small_run.classes)).to_numpy() - pipelines.to_numpy()).max() > 0.1
    )


def test_gold_labels_never_influence_the_student(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    permuted = make_small_run(tmp_path / "permuted", edit=edit_manifest(label=pl.col("label").shuffle(seed=1)))
    assert (pl.read_parquet(permuted.clips)["gold_label"] != pl.read_parquet(small_run.clips)["gold_label"]).any()
    small_run.train(tmp_path / "a", student=BEST)
    permuted.train(tmp_path / "b", student=BEST)
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


def test_who_speaks_changes_the_labels_but_not_what_a_speaker_is_called(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    small_run.train(tmp_path / "a", student=BEST)
    one = make_small_run(tmp_path / "one", edit=edit_manifest(speaker=pl.lit("everybody")))
    one.train(tmp_path / "b", student=BEST)
    renamed = make_small_run(tmp_path / "renamed", edit=edit_manifest(speaker="x " + pl.col("speaker")))
    renamed.train(tmp_path / "c", student=BEST)
    assert not labels_of(tmp_path / "a").equals(labels_of(tmp_path / "b"))
    assert labels_of(tmp_path / "a").equals(labels_of(tmp_path / "c"))


def test_without_a_column_of_speakers_it_labels_as_with_one_speaker_for_all(
    make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    """What all clips have in common is the mean of all, which standardising takes away as well."""

    def drop(folder: Path) -> None:
        pl.read_csv(folder / "manifest.csv").drop("speaker").write_csv(folder / "manifest.csv")

    nobody = make_small_run(tmp_path / "nobody", edit=drop)
    everybody = make_small_run(tmp_path / "everybody", edit=edit_manifest(speaker=pl.lit("everybody")))
    for name, run in (("a", nobody), ("b", everybody)):
        run.train(tmp_path / name, student=BEST)
    found, expected = (labels_of(tmp_path / name).select(p_columns(nobody.classes)).to_numpy() for name in "ab")
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_classifiers_own_draws_are_not_read(small_run: SmallRun, tmp_path: Path) -> None:
    """They were made with its source's statistics; its draws are made anew with the target's."""
    small_run.train(tmp_path / "a", student=BEST)
    small_run.train(tmp_path / "b", student=BEST, draws=small_run.draws | {"classifier": tmp_path / "gone.parquet"})
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


def test_a_classifier_with_its_classes_in_another_order_gets_the_same_labels(
    small_run: SmallRun, reordered_classifier: Path, tmp_path: Path
) -> None:
    small_run.train(tmp_path / "a", student=BEST)
    small_run.train(tmp_path / "b", student=BEST, classifier=MCDropoutSettings(path=reordered_classifier))
    columns = ["sha256", *p_columns(small_run.classes)]
    found, expected = (labels_of(tmp_path / name).select(columns) for name in "ba")
    assert found["sha256"].to_list() == expected["sha256"].to_list()
    np.testing.assert_allclose(found.drop("sha256").to_numpy(), expected.drop("sha256").to_numpy(), atol=1e-3)


def test_warnings_are_of_the_labels_that_the_student_learns_from(small_run: SmallRun, tmp_path: Path) -> None:
    """The pipeline's all name one class here; those made anew do not."""
    one_class = [pl.lit(float(name == "angry")).alias(f"p_{name}") for name in small_run.classes]
    pl.read_parquet(small_run.pseudo_labels).with_columns(one_class).write_parquet(tmp_path / "labels.parquet")
    small_run.train(tmp_path, student=BEST, pseudo_labels=tmp_path / "labels.parquet")
    assert labels_of(tmp_path)["label"].n_unique() > 1
    assert "every pseudo-label names" not in (tmp_path / "student" / "warnings.json").read_text()
