"""An outcome is computed once."""

from pathlib import Path

import pytest

from bench.meta_fusion.kept import Outcome, kept

OUTCOME = Outcome({"early": 1.5}, {"rho": 3.0, "warnings": ["a"]}, 0.25)


def _never() -> Outcome:
    raise AssertionError("computed again")


def test_what_was_computed_is_read_again(tmp_path: Path) -> None:
    kept(tmp_path, {"seed": 0}, lambda: OUTCOME)
    assert kept(tmp_path, {"seed": 0}, _never) == OUTCOME


def test_another_seed_is_another_outcome(tmp_path: Path) -> None:
    kept(tmp_path, {"seed": 0}, lambda: OUTCOME)
    with pytest.raises(AssertionError, match="computed again"):
        kept(tmp_path, {"seed": 1}, _never)


def test_a_trial_that_fails_leaves_no_outcome(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="computed again"):
        kept(tmp_path, {"seed": 0}, _never)
    assert list(tmp_path.iterdir()) == []
