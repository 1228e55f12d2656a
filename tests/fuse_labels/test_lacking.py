"""Teachers whose labels are not the classes: what they lack is completed, what means no class is counted."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.contracts.tables import p_columns
from tasks.fuse_labels import fuse_labels
from tasks.fusion.equal import EqualRule
from tasks.fusion.mutual_information import MutualInformationRule
from tests.fuse_labels.conftest import CLASSES, Place

LALM = [[0.5, 0.25, 0.25], [0.7, 0.15, 0.15]]  # of angry: 0.6
NARROW = [[0.0, 0.8, 0.2], [0.0, 0.4, 0.6]]  # a classifier that has never met angry


@pytest.fixture
def both(place: Place) -> Place:
    place.clips({"clip_id": "a", "sha256": "a"})
    place.draws("lalm", {"a": LALM})
    place.draws("classifier", {"a": NARROW})
    return place


def fuse(place: Place, rule: EqualRule | MutualInformationRule, lacks: dict[str, list[str]]) -> dict[str, float]:
    draws = {teacher: place.root / f"{teacher}.parquet" for teacher in ("lalm", "classifier")}
    fuse_labels.fn(rule, CLASSES, place.root / "clips.parquet", draws, {}, place.out, lacks=lacks)
    return place.table().row(0, named=True)


def test_the_rule_hears_of_a_lacking_class_what_the_others_say(both: Place) -> None:
    """Half of each: 0.6 of angry from both, and 0.4 of what the classifier says of the rest."""
    row = fuse(both, EqualRule(), {"classifier": [CLASSES[0]]})
    expected = np.mean([np.mean(LALM, axis=0), [0.6, 0.4 * 0.6, 0.4 * 0.4]], axis=0)
    np.testing.assert_allclose([row[name] for name in p_columns(CLASSES)], expected)


def test_what_is_not_declared_is_a_word_against_the_class(both: Place) -> None:
    row = fuse(both, EqualRule(), {})
    assert row[p_columns(CLASSES)[0]] == pytest.approx(0.3)


def test_the_weights_are_those_of_completed_draws_and_the_columns_the_teachers_own(both: Place) -> None:
    row = fuse(both, MutualInformationRule(), {"classifier": [CLASSES[0]]})
    odds = np.exp([-row["lalm_mi"], -(1 - 0.6) * row["classifier_mi"]])
    assert row["classifier_weight"] == pytest.approx(odds[1] / odds.sum())
    assert row[f"classifier_p_{CLASSES[0]}"] == 0.0


def test_unmapped_is_the_mean_over_all_draws_that_said_something(both: Place, tmp_path: Path) -> None:
    """A draw that is nothing but unmapped is one of them; one that was refused is not."""
    path = both.root / "lalm.parquet"
    table = pl.read_parquet(path)
    rows = [table.with_columns(draw=pl.lit(k).cast(pl.Int64)) for k in (2, 4)]
    silent = rows[0][:1].with_columns(status=pl.lit("unmapped").cast(table.schema["status"]), unmapped=pl.lit(1.0))
    refused = rows[1][:1].with_columns(
        status=pl.lit("refused").cast(table.schema["status"]), unmapped=pl.lit(None, pl.Float64)
    )
    pl.concat([table.with_columns(unmapped=pl.lit(0.25)), silent, refused]).write_parquet(path)
    row = fuse(both, EqualRule(), {})
    assert row["lalm_unmapped"] == pytest.approx((0.25 + 0.25 + 1) / 3)
    assert (row["lalm_n_draws"], row["classifier_unmapped"]) == (2, 0.0)
