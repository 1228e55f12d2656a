"""The tables of the three prompts."""

import numpy as np

from bench.questions.prompts import table_of, transfer_table

# two transfers; three prompts and all in turn
UAS = {"best": np.array([[50.0, 60, 55, 58], [40, 40, 46, 43]])}


def test_spread_is_per_transfer_and_then_the_mean() -> None:
    row = table_of(UAS).rows[0]
    assert row[:4] == ["best", "45.0", "50.0", "50.5"]
    assert row[4] == "48.5"
    assert row[5] == "8.0"  # of 10 and 6


def test_asking_in_turn_is_compared_with_the_mean_of_the_three() -> None:
    assert table_of(UAS).rows[0][6:] == ["50.5", "+2.0"]


def test_each_transfer_has_its_spread() -> None:
    assert transfer_table(UAS, ["a → b", "b → a"]).rows[0] == ["best", "10.0 (+3.0)", "6.0 (+1.0)"]
