"""Several draws of one call: what a model gives fewer of is asked again, and nothing is asked twice."""

import pytest

from tasks.asking.job import Stop
from tasks.asking.money import Price
from tasks.asking.provider import Answer, CandidatesRefusedError, TryAgainError
from tasks.storage.answers import Spent

REFUSED = CandidatesRefusedError("400 only one candidate is supported")


def test_several_draws_of_one_call_are_kept_each_under_its_own_key(make_run):
    answers = [Answer(f"answer {n}", None, "m", 100, 10) for n in range(3)]
    run = make_run(lambda call, question: answers, draws_per_job=3)
    outcome = run.ask(1)
    assert (outcome.answered, outcome.calls) == (3, 1)
    assert {key: kept.text for key, kept in run.kept.answers.items()} == {f"q{n}": f"answer {n}" for n in range(3)}


def test_what_was_not_given_is_asked_again_and_nothing_else(make_run, answer):
    run = make_run(lambda call, question: [answer] * min(3, len(question.draws)), draws_per_job=5)
    outcome = run.ask(1)
    assert run.provider.draws == [(0, 1, 2, 3, 4), (3, 4)]
    assert (outcome.answered, outcome.failed) == (5, {})


def test_a_model_that_gives_one_at_a_time_answers_all_the_same(make_run, answer):
    """However many draws one call asks for, and however few attempts a question has."""
    outcome = make_run(lambda call, question: [answer], draws_per_job=8, attempts=2).ask(1)
    assert (outcome.answered, outcome.failed) == (8, {})


def test_a_model_that_gives_none_is_given_up(make_run):
    run = make_run(lambda call, question: [], attempts=3)
    outcome = run.ask(1)
    assert (outcome.answered, list(outcome.failed), len(run.provider.asked)) == (0, ["q0"], 3)


def test_where_candidates_are_refused_draws_are_asked_one_by_one(make_run, answer):
    run = make_run(lambda call, question: REFUSED if len(question.draws) > 1 else answer, draws_per_job=3)
    outcome = run.ask(2)
    assert run.provider.draws == [(0, 1, 2), (0,), (1,), (2,), (3,), (4,), (5,)]
    assert (outcome.answered, outcome.failed, outcome.stopped) == (6, {}, None)


def test_a_refusal_of_candidates_costs_nothing(make_run, answer):
    run = make_run(lambda call, question: REFUSED if len(question.draws) > 1 else answer, draws_per_job=2)
    run.ask(1)
    assert run.allowance.used == Spent(calls=2, tokens=220)


def test_a_single_candidate_that_is_refused_as_too_many_stops_the_run(make_run):
    outcome = make_run(lambda call, question: REFUSED).ask(5)
    assert outcome.stopped == Stop("400 only one candidate is supported", "provider")


def test_one_of_them_that_gets_no_answer_does_not_hold_up_the_others(make_run, answer):
    def script(call: int, question):
        if len(question.draws) > 1:
            return REFUSED
        return TryAgainError("503", 1) if question.draws == (1,) else answer

    outcome = make_run(script, draws_per_job=3, attempts=2).ask(1)
    assert (outcome.answered, outcome.failed) == (2, {"q1": "503"})


@pytest.mark.parametrize("candidates", [1, 4])
def test_each_candidates_output_is_reserved(make_run, answer, candidates):
    price = Price(audio_input=0, text_input=0, output=1e6, as_of="2026-11")
    lost = TryAgainError("timed out", may_be_paid=True)
    run = make_run(lambda call, question: lost, price=price, draws_per_job=candidates, attempts=1)
    run.ask(1)
    assert run.kept.charged[0].usd == 1024 * candidates


def test_one_call_of_several_candidates_counts_as_one_call(make_run):
    answers = [Answer("{}", None, "m", 100, 10), Answer("{}", None, "m", 0, 20)]
    run = make_run(lambda call, question: answers, draws_per_job=2)
    run.ask(1)
    assert run.kept.spent == Spent(calls=1, tokens=130)
