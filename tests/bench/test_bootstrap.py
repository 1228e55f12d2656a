"""Intervals and p-values: against literal second implementations, and where the answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from bench.transfers.bootstrap import Sampled, draw_speakers, holm, mean_of, ua_of, wa_of
from bench.transfers.kept import Result

MakeResult = Callable[..., Result]
GOLD = "0123" * 9
RNG = np.random.default_rng(1)
NAMED = "".join(str(c) if RNG.random() < 0.6 else "0" for c in GOLD)


def test_the_figure_is_the_mean_recall(make_result: MakeResult) -> None:
    expected = recall_score(list(GOLD), list(NAMED), average="macro")
    assert ua_of([make_result(GOLD, NAMED)], [0, 1, 2], 10).value == pytest.approx(100 * expected)


def test_no_answer_counts_as_wrong(make_result: MakeResult) -> None:
    assert wa_of([make_result("0123", "01-3")], [0, 1, 2], 10).value == 75


def test_a_sample_is_the_recall_over_the_clips_of_the_speakers_drawn(make_result: MakeResult) -> None:
    run = make_result(GOLD, NAMED)
    weights_BP = draw_speakers(run.target, 3, 20)
    clips = [(g, n, p) for g, n, p in zip(GOLD, NAMED, run.speakers, strict=True)]
    for weights_P, sample in zip(weights_BP, ua_of([run], [0, 1, 2], 20).samples_B, strict=True):
        drawn = [clip for p in range(3) for _ in range(int(weights_P[p])) for clip in clips if clip[2] == p]
        recall = recall_score([g for g, _, _ in drawn], [n for _, n, _ in drawn], average="macro", zero_division=0)
        assert sample == pytest.approx(100 * recall)


def test_seeds_are_no_replicates(make_result: MakeResult) -> None:
    """The same result with five seeds is known no better than with one."""
    one, five = ([make_result(GOLD, NAMED, seed=s) for s in range(n)] for n in (1, 5))
    np.testing.assert_allclose(ua_of(one, [0, 1, 2], 50).samples_B, ua_of(five, [0, 1, 2], 50).samples_B)


def test_methods_on_one_target_meet_the_same_speakers(make_result: MakeResult) -> None:
    here, there = make_result(GOLD, NAMED), make_result(GOLD, NAMED, transfer="c → b", method="equal")
    difference = ua_of([here], [0, 1, 2], 50) - ua_of([there], [0, 1, 2], 50)
    assert difference.interval == (0, 0)
    assert difference.p == 1


def test_a_class_that_no_drawn_speaker_has_is_left_out_of_the_mean(make_result: MakeResult) -> None:
    """Speaker 0 has class 0 alone and speaker 1 class 1 alone: whoever is drawn, what is left is all right."""
    assert set(ua_of([make_result("01", "01", [0, 1])], [0, 1], 50).samples_B) == {100}


def test_a_seed_that_tests_none_of_the_drawn_speakers_is_left_out(make_result: MakeResult) -> None:
    """Each seed tests one speaker: whoever is drawn, some seed has an answer."""
    runs = [make_result("01", named, [who, who], seed=who) for who, named in enumerate(["01", "00"])]
    assert set(ua_of(runs, [0, 1], 50).samples_B) == {50, 75, 100}


def test_more_than_chance_allows_has_the_smallest_p() -> None:
    assert Sampled(1.0, np.ones(999)).p == pytest.approx(2 / 1000)


def test_the_mean_over_transfers_is_taken_sample_by_sample() -> None:
    mean = mean_of([Sampled(1.0, np.array([1.0, 3.0])), Sampled(2.0, np.array([3.0, 5.0]))])
    assert (mean.value, mean.samples_B.tolist()) == (1.5, [2, 4])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_step_down_of_the_paper(ps: list[float]) -> None:
    """Hypothesis i is refused at a level when all smaller p are below level / (how many are left)."""
    for i, adjusted in enumerate(holm(ps)):
        smaller = [p for p in ps if p < ps[i]] + [ps[i]]
        steps = [min(1.0, sorted(ps)[k] * (len(ps) - k)) for k in range(len(smaller))]
        assert adjusted >= max(steps) - 1e-12 or ps.count(ps[i]) > 1
        assert adjusted >= ps[i] - 1e-12


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.001, 0.03, 0.9]) == pytest.approx([0.09, 0.004, 0.09, 0.9])
