"""What each dial does, and does only."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bench.transfers.lalm import Lalm, with_dials
from bench.transfers.stand_ins import dialled_draws, oracle_logits, rng_of, simulated_draws
from tasks.maths.uncertainty import mutual_information

N = 400
GOLD_N = np.repeat(np.arange(4), N // 4)
THIRD = Lalm("third")


def _noisy(key: str) -> np.ndarray:
    """Logits that are right for about two thirds of the clips; another key, other errors."""
    return 2 * np.eye(4)[GOLD_N] + rng_of(key).normal(size=(N, 4))


OWN, CLASSIFIER = _noisy("own"), _noisy("classifier")


def _draws(lalm: Lalm) -> np.ndarray:
    return dialled_draws(OWN, CLASSIFIER, lalm, rng_of("draws"))


def _recall(draws_NKC: np.ndarray) -> float:
    return float((draws_NKC.mean(axis=1).argmax(axis=1) == GOLD_N).mean())


def _mi(draws_NKC: np.ndarray) -> float:
    return float(np.mean(mutual_information(draws_NKC, np.ones(draws_NKC.shape[:2], dtype=bool))))


def _error_correlation(draws_NKC: np.ndarray) -> float:
    wrong_N = draws_NKC.mean(axis=1).argmax(axis=1) != GOLD_N
    return float(np.corrcoef(wrong_N, CLASSIFIER.argmax(axis=1) != GOLD_N)[0, 1])


def _rises(values: list[float]) -> bool:
    return all(low < high for low, high in itertools.pairwise(values))


def test_strength_makes_it_right_more_often() -> None:
    recalls = [_recall(_draws(replace(THIRD, strength=s))) for s in (0, 0.3, 0.6, 1)]
    assert _rises(recalls)
    assert recalls[0] == pytest.approx(0.25, abs=0.07)


def test_bias_makes_it_say_neutral() -> None:
    assert _rises([float(_draws(replace(THIRD, bias=b))[..., 2].mean()) for b in (0, 1, 2, 4)])


def test_contradiction_raises_mutual_information_to_what_sampled_models_show() -> None:
    mis = [_mi(_draws(replace(THIRD, contradiction=c))) for c in (0, 0.6, 1, 2.5)]
    assert mis[0] == pytest.approx(0, abs=1e-12)
    assert _rises(mis)
    assert mis[-1] > 0.65


def test_sharpness_makes_it_say_more_certainty_and_leaves_its_choice() -> None:
    dull, sharp = (_draws(replace(THIRD, sharpness=s, contradiction=0)) for s in (1, 4))
    assert sharp.max(axis=2).mean() > dull.max(axis=2).mean() + 0.1
    assert (sharp.mean(axis=1).argmax(axis=1) == dull.mean(axis=1).argmax(axis=1)).mean() > 0.95  # ties by rounding


def test_draws_of_one_prompt_agree_and_prompts_differ() -> None:
    """Draws 0 and 3 have the first prompt, 1 and 4 the second."""
    draws_NKC = _draws(replace(THIRD, prompts=1.0, contradiction=0))
    np.testing.assert_array_equal(draws_NKC[:, 0], draws_NKC[:, 3])
    np.testing.assert_array_equal(draws_NKC[:, 1], draws_NKC[:, 4])
    assert np.abs(draws_NKC[:, 0] - draws_NKC[:, 1]).mean() > 0.02


def test_correlation_gives_it_the_classifier_s_errors() -> None:
    errors = [_error_correlation(_draws(replace(THIRD, correlation=c, contradiction=0))) for c in (0, 0.3, 0.6, 1)]
    assert _rises(errors)
    assert errors[-1] > 0.95


def test_answers_are_written_in_two_decimals() -> None:
    draws_NKC = _draws(THIRD)
    np.testing.assert_allclose(draws_NKC.sum(axis=-1), 1)
    one = draws_NKC[np.isclose(draws_NKC.round(2), draws_NKC, atol=1e-9).all(axis=(1, 2))]
    assert len(one) > N / 4  # the others' two decimals did not add up to 1


@pytest.mark.parametrize("recall", [0.35, 0.6, 0.85])
def test_an_oracle_has_the_recall_that_was_asked_for_in_each_class(recall: float) -> None:
    named_N = oracle_logits(GOLD_N, recall, rng_of("o")).argmax(axis=1)
    assert [float(np.mean(named_N[c == GOLD_N] == c)) for c in range(4)] == [recall] * 4


def test_an_oracle_is_as_sure_of_its_errors() -> None:
    """Nothing about an answer tells whether it is wrong."""
    logits_NC = oracle_logits(GOLD_N, 0.6, rng_of("o"))
    assert len({round(float(top), 9) for top in logits_NC.max(axis=1)}) == 1


def test_simulated_draws_differ_between_seeds_and_not_between_runs() -> None:
    sha256s = [f"{n:064x}" for n in range(N)]
    once, again, other = (simulated_draws(OWN, sha256s, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once, again)
    assert not (once == other).all()


def test_a_clip_s_simulated_answers_do_not_depend_on_the_other_clips() -> None:
    sha256s = [f"{n:064x}" for n in range(N)]
    np.testing.assert_array_equal(simulated_draws(OWN[3:4], sha256s[3:4], 0)[0], simulated_draws(OWN, sha256s, 0)[3])


def test_a_dial_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="strength must lie within 0 and 1, got 2"):
        Lalm("third", strength=2)


def test_the_product_s_own_lalm_has_no_dials() -> None:
    with pytest.raises(ValueError, match="has no dials: turn those of third or oracle"):
        Lalm("simulated", bias=1)


def test_an_unknown_dial_is_refused() -> None:
    with pytest.raises(ValueError, match=r'no dial "strenght"\. Known: strength, bias'):
        with_dials("third", ("strenght=1",))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r'no stand-in "gpt"\. Known: simulated, third, oracle\.'):
        Lalm("gpt")  # type: ignore[arg-type]
