"""Sampled answers behave like those of a model that writes probabilities down."""

import numpy as np
import pytest

from tasks.teachers.loopback.sampling import make_rng, sample_answer

CLASSES = ["angry", "happy", "neutral", "sad"]
LOGITS = np.array([0.0, -1.0, -2.0, -4.0])


def test_temperature_zero_always_says_the_same():
    answers = [sample_answer(LOGITS, CLASSES, 0.0, np.random.default_rng(seed)) for seed in range(20)]
    assert all(answer == answers[0] for answer in answers)


def test_first_choices_are_samples_at_that_temperature():
    rng = np.random.default_rng(0)
    answers = [sample_answer(LOGITS, CLASSES, 0.6, rng) for _ in range(4000)]
    shares = [np.mean([max(answer, key=answer.__getitem__) == name for answer in answers]) for name in CLASSES]
    expected = np.exp(LOGITS / 0.6) / np.exp(LOGITS / 0.6).sum()
    assert shares == pytest.approx(expected, abs=0.03)


def test_answers_have_two_decimals():
    answer = sample_answer(LOGITS, CLASSES, 0.6, np.random.default_rng(0))
    assert all(round(value, 2) == value for value in answer.values())


def test_sums_are_one_but_for_rounding_and_not_always_one():
    rng = np.random.default_rng(0)
    sums = {round(sum(sample_answer(LOGITS, CLASSES, 1.0, rng).values()), 2) for _ in range(300)}
    assert {0.99, 1.0, 1.01} <= sums <= {0.98, 0.99, 1.0, 1.01, 1.02}


def test_draws_near_a_boundary_contradict_each_other_more():
    def disagreement(logits_C: list[float]) -> float:
        rng = np.random.default_rng(0)
        return float(
            np.std([sample_answer(np.array(logits_C), ["angry", "sad"], 0.6, rng)["angry"] for _ in range(300)])
        )

    assert disagreement([0.0, 0.0]) > 3 * disagreement([0.0, -4.0])


def draw(seed: int | None = 1, audio: str = "a", prompt: str = "p") -> float:
    return make_rng(seed, audio, prompt).random()


def test_the_same_question_with_a_seed_gets_the_same_numbers():
    assert draw() == draw()


@pytest.mark.parametrize("change", [{"seed": 2}, {"audio": "b"}, {"prompt": "q"}])
def test_another_seed_clip_or_prompt_gets_other_numbers(change):
    assert draw() != draw(**change)


def test_no_seed_is_fresh_each_time():
    assert draw(seed=None) != draw(seed=None)
