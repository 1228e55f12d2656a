"""UA over the steps of training, for reading only."""

import numpy as np
import polars as pl
from sklearn.metrics import recall_score

from tasks.evaluation.course import ua_over_steps


def test_it_is_the_mean_recall_at_each_step() -> None:
    rng, classes = np.random.default_rng(0), ["a", "b", "c"]
    gold, named = rng.choice(classes, 60, p=[0.6, 0.3, 0.1]), rng.choice(classes, (4, 60))
    ids = [f"{i}" for i in range(60)]
    table = pl.DataFrame({"step": np.repeat([9, 0, 3, 5], 60), "sha256": ids * 4, "label": named.flatten()})
    found = ua_over_steps(table, pl.DataFrame({"sha256": ids, "gold_label": gold}))
    expected = {step: recall_score(gold, row, average="macro") for step, row in zip((9, 0, 3, 5), named, strict=True)}
    assert found["step"].to_list() == [0, 3, 5, 9]
    np.testing.assert_allclose(found["ua"].to_list(), [expected[step] for step in (0, 3, 5, 9)])


def test_clips_without_gold_and_clips_that_were_not_looked_at_do_not_count() -> None:
    named = pl.DataFrame({"step": [0, 0], "sha256": ["a", "b"], "label": ["x", "y"]})
    assert ua_over_steps(named, pl.DataFrame({"sha256": ["a", "c"], "gold_label": ["x", "x"]})).rows() == [(0, 1.0)]


def test_audio_that_occurs_twice_counts_once() -> None:
    named = pl.DataFrame({"step": [0, 0], "sha256": ["a", "b"], "label": ["x", "y"]})
    gold = pl.DataFrame({"sha256": ["a", "a", "b"], "gold_label": ["x", "x", "x"]})
    assert ua_over_steps(named, gold).rows() == [(0, 0.5)]


def test_where_nothing_that_was_looked_at_has_gold_there_is_no_curve() -> None:
    named = pl.DataFrame({"step": [0], "sha256": ["a"], "label": ["x"]})
    assert ua_over_steps(named, pl.DataFrame({"sha256": ["b"], "gold_label": ["x"]})).is_empty()
