"""`pseudo_labels.parquet`, column by column, against a second implementation with SciPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats

from tasks.contracts.tables import p_columns
from tasks.fusion.entropy import EntropyRule
from tasks.fusion.equal import EqualRule
from tasks.fusion.single import SingleRule
from tests.fuse_labels.conftest import CLASSES, CLIPS, MANY, SHAKY, SURE_OF_SAD, TEACHERS


def columns(table: pl.DataFrame, prefix: str = "") -> NDArray[np.float64]:
    return table.select(p_columns(CLASSES, prefix)).to_numpy()


def mi_literally(teacher: str) -> NDArray[np.float64]:
    return np.array([stats.entropy(p_KC.mean(axis=0)) - stats.entropy(p_KC, axis=1).mean() for p_KC in MANY[teacher]])


def weights_literally() -> NDArray[np.float64]:
    odds_NT = np.exp(-np.stack([mi_literally(teacher) for teacher in TEACHERS], axis=1))
    return odds_NT / odds_NT.sum(axis=1, keepdims=True)


def test_each_clip_keeps_its_id_path_and_duration(table: pl.DataFrame) -> None:
    assert table.select("clip_id", "sha256", "path", "duration_s").to_dicts() == CLIPS


@pytest.mark.parametrize("teacher", TEACHERS)
def test_a_teachers_columns_are_those_of_a_literal_second_implementation(teacher: str, table: pl.DataFrame) -> None:
    mean_NC = MANY[teacher].mean(axis=1)
    np.testing.assert_allclose(columns(table, teacher), mean_NC)
    np.testing.assert_allclose(table[f"{teacher}_mi"], mi_literally(teacher), atol=1e-12)
    np.testing.assert_allclose(table[f"{teacher}_entropy"], stats.entropy(mean_NC, axis=1))
    np.testing.assert_allclose(table[f"{teacher}_weight"], weights_literally()[:, TEACHERS.index(teacher)])
    assert table[f"{teacher}_label"].to_list() == [CLASSES[i] for i in mean_NC.argmax(axis=1)]
    assert set(table[f"{teacher}_n_draws"]) == {MANY[teacher].shape[1]}


def test_fused_probabilities_are_the_weighted_mean_of_the_mean_draws(table: pl.DataFrame) -> None:
    means = [MANY[teacher].mean(axis=1) for teacher in TEACHERS]
    fused_NC = sum(w_N[:, None] * mean_NC for w_N, mean_NC in zip(weights_literally().T, means, strict=True))
    np.testing.assert_allclose(columns(table), fused_NC)


def test_label_confidence_and_margin_are_those_of_the_fused_probabilities(table: pl.DataFrame) -> None:
    fused_NC = columns(table)
    first_N, second_N = np.sort(fused_NC, axis=1)[:, ::-1].T[:2]
    assert table["label"].to_list() == [CLASSES[i] for i in fused_NC.argmax(axis=1)]
    np.testing.assert_allclose(table["confidence"], first_N)
    np.testing.assert_allclose(table["margin"], first_N - second_N)


def test_teachers_agree_where_they_name_the_same_class(table: pl.DataFrame) -> None:
    same = table["lalm_label"] == table["classifier_label"]
    assert table["agreement"].to_list() == same.to_list()
    assert {True, False} == set(same)


def test_a_clip_that_both_teachers_could_judge_has_no_reason(table: pl.DataFrame) -> None:
    assert table["reason"].null_count() == table.height


def test_one_draw_per_clip_is_enough_for_a_rule_that_needs_one(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]], EntropyRule())
    assert (row["lalm_mi"], row["classifier_mi"], row["reason"]) == (None, None, None)
    assert (row["lalm_weight"], row["label"]) == (pytest.approx(2 / 3), "angry")


def test_one_draw_per_clip_is_refused_by_the_papers_rule(fuse_one: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="needs at least 2 draws, got 1"):
        fuse_one([[1.0, 0.0, 0.0]], SHAKY)


def test_of_equally_probable_classes_the_first_is_the_label(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([[0.0, 0.5, 0.5]] * 2, [[0.0, 0.5, 0.5]] * 2, EqualRule())
    assert (row["label"], row["margin"]) == ("happy", 0)


def test_single_copies_the_named_teacher_and_still_shows_the_other(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one(SHAKY, SURE_OF_SAD, SingleRule(teacher="lalm"))
    assert [row[name] for name in p_columns(CLASSES)] == [row[name] for name in p_columns(CLASSES, "lalm")]
    assert (row["classifier_label"], row["classifier_weight"]) == ("sad", 0)
