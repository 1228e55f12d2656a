"""One prompt in other words."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.questions.wordings import Worded, offsets_of, reworded, uas_of
from bench.transfers.cell import Cell, Scene
from bench.transfers.lalm import Lalm
from bench.transfers.methods import METHODS
from bench.transfers.stand_ins import rng_of
from tasks.synthesis.corpus import make_corpus

DRAWS_NKC = rng_of("draws").dirichlet(np.ones(4), size=(30, 5)).round(2)
OFFSETS_PC = rng_of("offsets").normal(size=(3, 4))
BY_NAME = {method.name: method for method in METHODS}


def _cell(root: Path = Path("data")) -> Cell:
    return Cell(Scene(None, Lalm("oracle", strength=0.6)), root / "source", root / "target", None, 0)


def test_a_wording_shifts_all_clips_logits_alike() -> None:
    told_NKC = reworded(DRAWS_NKC, OFFSETS_PC, 1)
    for n, k in ((0, 0), (7, 3), (29, 4)):
        odds = [max(p, 0.005) * np.exp(o) for p, o in zip(DRAWS_NKC[n, k], OFFSETS_PC[1], strict=True)]
        np.testing.assert_allclose(told_NKC[n, k], [odd / sum(odds) for odd in odds], atol=0.011)


def test_asked_in_turn_draw_k_has_wording_k_mod_three() -> None:
    in_turn_NKC = reworded(DRAWS_NKC, OFFSETS_PC, None)
    for k, wording in enumerate((0, 1, 2, 0, 1)):
        np.testing.assert_array_equal(in_turn_NKC[:, k], reworded(DRAWS_NKC, OFFSETS_PC, wording)[:, k])


def test_a_class_that_was_rounded_away_can_come_back() -> None:
    told_NKC = reworded(np.array([[[1.0, 0.0, 0.0, 0.0]]]), np.array([[0.0, 5.0, 0.0, 0.0]]), 0)
    assert told_NKC[0, 0, 1] > 0.3


def test_wordings_mean_the_same() -> None:
    """None is for all classes at once, and the three differ."""
    offsets_PC = offsets_of(_cell())
    np.testing.assert_allclose(offsets_PC.sum(axis=1), 0, atol=1e-12)
    assert len({tuple(offsets_C) for offsets_C in offsets_PC}) == 3


@pytest.mark.slow
def test_results_are_kept_per_wording(tmp_path: Path, small_classifier: Path) -> None:
    """Asked again, nothing is computed: what was written by hand in a result's place comes back."""
    for domain in ("source", "target"):
        make_corpus(tmp_path / "data" / domain, domain, clips_per_class=4)
    shutil.copytree(small_classifier, tmp_path / "cache" / "classifiers" / "source-source-logmel-0")
    worded = [Worded(_cell(tmp_path / "data"), BY_NAME["LALM"], how) for how in (0, 1, None)]
    first = uas_of(worded, tmp_path / "cache")
    assert all(0 < ua <= 100 for ua in first)
    worded[1].place(tmp_path / "cache").write_text("12.5")
    assert uas_of(worded, tmp_path / "cache") == [first[0], 12.5, first[2]]
