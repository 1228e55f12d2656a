"""`candidates_per_call`: several draws for the price of sending the clip once, where the model gives them."""

import pytest

from tests.query_lalm.asking import gemini, openai

SEVERAL = pytest.mark.parametrize("teacher", [gemini, openai])


@SEVERAL
def test_one_call_brings_several_draws(workplace, server, teacher):
    stats = workplace.ask(teacher(draws=6, candidates_per_call=3))
    assert (stats["calls"], stats["answered"]) == (6, 18)
    assert workplace.table()["draw"].to_list() == [*range(6)] * 3


def test_the_clip_is_paid_once_per_call(workplace, server):
    stats = workplace.ask(gemini(draws=6, candidates_per_call=3))
    alone = workplace.ask(gemini(draws=6), answers=workplace.root / "one by one")
    assert stats["input_tokens"] == alone["input_tokens"] / 3
    assert stats["cost_usd"] < alone["cost_usd"]


def test_what_is_left_of_the_draws_is_asked_in_a_smaller_call(one_clip, server):
    assert one_clip.ask(gemini(draws=5, candidates_per_call=3))["calls"] == 2


@SEVERAL
def test_a_model_that_gives_one_only_is_asked_one_by_one_after_one_refusal(workplace, serve, teacher):
    server = serve("candidates")
    stats = workplace.ask(teacher(draws=3, candidates_per_call=3))
    assert stats["answered"] == 9
    assert server.answered == 9
    assert server.requests == 10


def test_after_such_a_refusal_the_table_is_that_of_single_calls(workplace, serve):
    serve("candidates")
    workplace.ask(gemini(draws=3, candidates_per_call=3))
    fallen_back = workplace.table_without_times()
    workplace.ask(gemini(draws=3), answers=workplace.root / "one by one")
    assert workplace.table_without_times().equals(fallen_back)


def test_the_number_per_call_is_no_other_question(workplace, server):
    workplace.ask(gemini(draws=3, candidates_per_call=3))
    assert workplace.ask(gemini(draws=3))["calls"] == 0
    assert workplace.ask(gemini(draws=5, candidates_per_call=8))["calls"] == 3


def test_draws_of_two_prompts_are_never_candidates_of_one_call(one_clip, server):
    """Draws 0, 2 and 4 are one question, 1 and 3 the other."""
    stats = one_clip.ask(gemini(draws=5, candidates_per_call=8, prompt=("emotion-v1", "emotion-v2")))
    assert (stats["calls"], stats["answered"]) == (2, 5)
    prompts = ["emotion-v1", "emotion-v2", "emotion-v1", "emotion-v2", "emotion-v1"]
    assert one_clip.table()["prompt_id"].to_list() == prompts


def test_each_candidate_may_be_refused_or_unreadable_like_any_answer(one_clip, serve):
    serve("unparsable*1")
    stats = one_clip.ask(gemini(draws=4, candidates_per_call=2, concurrency=1))
    assert (stats["unparsable"], stats["answered"], stats["calls"]) == (2, 2, 2)


def test_a_call_whose_answers_are_lost_is_counted_at_the_price_of_all_candidates(one_clip, serve):
    serve("reset*1")
    one = one_clip.ask(gemini(draws=1, attempts=1))["lost_usd"]
    serve("reset*1")
    four = one_clip.ask(gemini(draws=4, attempts=1, candidates_per_call=4, seed=1))["lost_usd"]
    assert 3 * one < four < 4 * one
