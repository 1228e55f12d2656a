"""The engine keeps to the concurrency and the rate, asks in order, and holds little audio at a time."""

import pytest

from tasks.asking.provider import TryAgainError

PACE_S = 1 / 0.985  # between calls at a limit of sixty a minute


@pytest.mark.parametrize("concurrency", [1, 3, 64])
def test_so_many_calls_are_under_way_at_once_and_never_more(make_run, concurrency):
    run = make_run(concurrency=concurrency)
    assert run.ask(100).answered == 100
    assert run.provider.most_in_flight == concurrency


def test_calls_under_way_do_not_pass_the_concurrency_when_they_are_repeated(make_run, answer):
    run = make_run(lambda call, question: TryAgainError("503") if call % 2 else answer, concurrency=4)
    run.ask(50)
    assert run.provider.most_in_flight == 4


def test_the_very_first_question_goes_alone(make_run):
    """What it used corrects the estimates for the others, and a wrong key costs one call."""
    run = make_run(concurrency=4)
    run.ask(6)
    assert run.provider.times == [0, 1, 1, 1, 1, 2]


def test_the_first_question_of_a_later_round_does_not_go_alone(make_run):
    run = make_run(concurrency=4)
    run.ask(1)
    run.ask(4)
    assert run.provider.times == [0, 1, 1, 1, 1]


def test_the_outcome_adds_up_over_rounds(make_run):
    run = make_run()
    run.ask(2)
    outcome = run.ask(3)
    assert (outcome.answered, outcome.calls) == (5, 5)


def test_repeated_calls_count_towards_the_rate(make_run, answer):
    run = make_run(
        lambda call, question: TryAgainError("503", 0) if call % 2 else answer, requests_per_minute=60, concurrency=8
    )
    run.ask(10)
    assert run.provider.times == pytest.approx([n * PACE_S for n in range(len(run.provider.times))])


def test_the_rate_counts_a_calls_audio_and_text_tokens(make_run):
    """150 of each call, by the estimate."""
    run = make_run(tokens_per_minute=150, concurrency=8)
    run.ask(4)
    assert run.provider.times == pytest.approx([n * 60 * PACE_S for n in range(4)])


def test_audio_is_read_when_its_turn_comes(make_run, answer):
    """Never more clips in memory than calls under way: at call n, n answers are in and 3 questions are read."""
    reads_at_call = []

    def script(call: int, question):
        reads_at_call.append(len(run.read))
        return answer

    run = make_run(script, concurrency=3)
    run.ask(30)
    assert all(reads <= call + 3 for call, reads in enumerate(reads_at_call))
    assert run.read == [(draw,) for draw in range(30)]


def test_questions_are_asked_in_their_order(make_run):
    run = make_run(concurrency=4)
    run.ask(20)
    assert run.provider.draws == [(draw,) for draw in range(20)]
