"""One check: what is trained on what, and what is asked."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.label_signals.checking import ACROSS, SNRS_DB, WITHIN, Check, noise, outer_split, run_check
from bench.label_signals.hearing import heard_of
from bench.label_signals.training import train_head
from bench.label_signals.variants import MEAN, NONE, VARIANTS, WHOLE, Variant
from bench.transfers.corpora import read_corpus

BY_NAME = {variant.name: variant for variant in VARIANTS}
SMALL = Variant("small", {"size": 8, "heads": 2})


def test_speakers_held_out_are_not_learnt_from(make_check: Callable[..., Check], tmp_path: Path) -> None:
    check = make_check(SMALL)
    corpus = read_corpus(check.corpus)
    learnt, held_out = outer_split(corpus, heard_of(check.corpus, check, tmp_path), seed=0)
    assert {corpus.speakers[row] for row in learnt}.isdisjoint(corpus.speakers[row] for row in held_out)
    assert sorted(learnt + held_out) == list(range(32))


def test_each_scene_is_asked_once(make_check: Callable[..., Check], tmp_path: Path) -> None:
    checked = run_check(make_check(SMALL), tmp_path)
    asked = [(result.scene, result.transfer) for result in checked.results]
    assert asked == [(WITHIN, "one"), *((noise(snr_db), "one") for snr_db in SNRS_DB), (ACROSS, "one → two")]


def test_a_head_hears_other_speakers_better_than_chance(make_check: Callable[..., Check], tmp_path: Path) -> None:
    assert run_check(make_check(BY_NAME[WHOLE]), tmp_path).results[0].ua > 0.5


def test_the_first_embeddings_are_those_before_training(make_check: Callable[..., Check], tmp_path: Path) -> None:
    checked = run_check(make_check(SMALL), tmp_path)
    assert checked.stays[0] == pytest.approx(1)
    assert len(checked.norms) == len(checked.stays) == len(checked.between) == 51


def test_a_plain_mean_has_no_embeddings(make_check: Callable[..., Check], tmp_path: Path) -> None:
    assert run_check(make_check(BY_NAME[MEAN]), tmp_path).norms == []


def test_with_no_part_the_embeddings_stay_where_they_are(make_check: Callable[..., Check], tmp_path: Path) -> None:
    checked = run_check(make_check(BY_NAME[NONE]), tmp_path)
    assert checked.stays == pytest.approx([1] * 51)
    assert checked.norms == pytest.approx([checked.norms[0]] * 51)


def test_the_slower_the_average_the_less_they_move(make_check: Callable[..., Check], tmp_path: Path) -> None:
    """Embeddings after an epoch lie a share of 1 − α of the way that training went."""
    moved = []
    check = make_check(SMALL)
    features, gold_N = heard_of(check.corpus, check, tmp_path), torch.from_numpy(read_corpus(check.corpus).gold_N)
    for alpha in (0.0, 0.9, 0.99):
        labels = train_head(
            Variant("v", {"size": 8, "heads": 2, "moving_average": alpha}), features, gold_N, seed=0
        ).labels
        moved.append((labels[1] - labels[0]).norm().item())
    assert moved[1] == pytest.approx(0.1 * moved[0], rel=1e-3)
    assert moved[2] == pytest.approx(0.01 * moved[0], rel=1e-2)


def test_gold_of_who_is_asked_changes_no_answer(make_check: Callable[..., Check], tmp_path: Path) -> None:
    """The other corpus under other labels: counted otherwise, named the same."""
    check = make_check(SMALL)
    manifest = check.others[0] / "manifest.csv"
    before = run_check(check, tmp_path).results[-1]
    lines = [line.replace("angry", "#").replace("sad", "angry").replace("#", "sad") for line in manifest.open()]
    manifest.write_text("".join(lines))
    read_corpus.cache_clear()
    after = run_check(check, tmp_path).results[-1]
    assert after.gold != before.gold
    assert after.named == before.named
