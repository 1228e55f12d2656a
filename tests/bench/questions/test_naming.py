"""Which teacher is the better one, without labels."""

from dataclasses import replace

import numpy as np
import pytest

from bench.questions.naming import Naming, heard, judged, looked_twice, told
from bench.transfers.cell import Ready
from bench.transfers.lalm import Lalm
from bench.transfers.stand_ins import dialled_draws, oracle_logits, rng_of
from tasks.encoders.features import Means

GOLD_N = np.repeat(np.arange(4), 60)
NAMING = Naming("third", "a → b", (60, 50), (1, 0.5), (0.4, 0.7), (-0.3, -0.3))


def _teacher(recall: float, key: str) -> np.ndarray:
    own_NC = oracle_logits(GOLD_N, recall, rng_of(key))
    return dialled_draws(own_NC, own_NC, Lalm("oracle", strength=recall), rng_of(key, "draws"))


def test_a_guess_is_right_where_the_larger_figure_is_the_better_teacher_s() -> None:
    assert [NAMING.is_right(guess) for guess in ("trust", "agreement")] == [True, False]


def test_habit_names_the_classifier() -> None:
    assert not NAMING.is_right("habit")
    assert replace(NAMING, ua_T=(50, 60)).is_right("habit")


def test_a_tie_names_nobody() -> None:
    assert not NAMING.is_right("certainty")
    assert not replace(NAMING, ua_T=(50, 50)).is_right("trust")


def test_the_label_model_trusts_the_teacher_that_is_right_more_often() -> None:
    """Two teachers as sure as each other, whose clips lie where their classes do."""
    seen_ND = (3 * np.eye(4)[GOLD_N] + rng_of("places").normal(size=(len(GOLD_N), 4))).astype(np.float32)
    trust_T, labels_NC = judged([_teacher(0.85, "one"), _teacher(0.4, "other")], seen_ND)
    assert trust_T[0] > trust_T[1]
    assert (labels_NC.argmax(axis=1) == GOLD_N).mean() > 0.85


def test_the_classifier_is_heard_with_these_features_statistics_and_stays_as_it_was(ready: Ready) -> None:
    before, shifted = ready.by_target.mean_LD.clone(), Means(5 + 3 * ready.features.rows(range(16)).means_BLD())
    lalm_NKC, classifier_NKC = heard(ready, shifted, 0)
    np.testing.assert_array_equal(lalm_NKC, ready.lalm_NKC)
    np.testing.assert_allclose(classifier_NKC, heard(ready, ready.features, 0)[1], atol=1e-5)
    np.testing.assert_array_equal(ready.by_target.mean_LD, before)


def test_where_it_is_known_who_speaks_a_second_look_is_taken(ready: Ready) -> None:
    once = replace(ready, corpus=replace(ready.corpus, has_speakers=False))
    assert not np.allclose(looked_twice(ready, 0)[2], looked_twice(once, 0)[2])


@pytest.mark.parametrize(("count", "expected"), [(0, "–"), (1, "1 of 1 (p = 1.00)"), (8, "8 of 8 (p < .01)")])
def test_the_coin_is_tested(count: int, expected: str) -> None:
    assert told([NAMING] * count, "trust") == expected
