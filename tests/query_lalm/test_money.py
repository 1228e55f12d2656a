"""Ceilings: what a run may spend, what counts as spent, and what the message says when there is nothing left.

A call here may cost $0.0027 (its longest answer) and costs $0.0001.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.contracts.errors import QuotaError
from tasks.storage.answers import AnswerStore, Spent
from tests.query_lalm.asking import TEACHERS, gemini, with_prices

MODEL = "gemini-2.5-flash"


def spent(place) -> Spent:
    """By all runs of the last hour."""
    with AnswerStore(place.answers) as store:
        return store.spent(MODEL, datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("ceiling", [0.0028, 0.004, 0.0081])
def test_a_run_never_spends_more_than_its_ceiling(workplace, server, ceiling, concurrency):
    with pytest.raises(QuotaError, match="is used up"):
        workplace.ask(gemini(draws=60, concurrency=concurrency, max_cost_usd=ceiling))
    assert 0 < spent(workplace).usd <= ceiling
    assert spent(workplace).calls == server.requests


def test_a_ceiling_below_one_call_lets_nothing_out(workplace, server):
    with pytest.raises(QuotaError, match=r"the run's budget of \$0\.002 is used up\. 0 answers arrived"):
        workplace.ask(gemini(max_cost_usd=0.002))
    assert server.requests == 0


def test_answers_that_come_too_late_stay_within_the_ceiling_too(one_clip, serve):
    """Two that are lost at $0.0027 each fit."""
    server = serve("slow@seconds=20")
    with pytest.raises(QuotaError):
        one_clip.ask(gemini(draws=9, attempts=1, concurrency=8, timeout_s=2, max_cost_usd=0.006))
    assert server.requests == 2
    assert 0.005 < spent(one_clip).usd <= 0.006
    assert spent(one_clip).unconfirmed_usd == spent(one_clip).usd


ONLY_AUDIO = f'{MODEL}: {{audio_input: 1000, text_input: 0, output: 0, as_of: "2026-11"}}'


def place_of_long_clip(place):
    """Three seconds: 96 tokens by the server's count, 48 by the settings' estimate."""
    place.add("clip0.flac", duration_s=3.0)
    return gemini(draws=30, concurrency=8, audio_tokens_per_s=16)


def test_a_model_that_takes_twice_the_estimate_is_reserved_at_what_it_takes_from_the_second_call_on(one_clip, server):
    """$0.096 per call: five fit into $0.5, six do not, however many are in flight."""
    teacher = place_of_long_clip(one_clip)
    with pytest.raises(QuotaError, match=r"\$0\.5 .*is used up\. 5 answers"):
        one_clip.ask(teacher, choices=with_prices(one_clip, ONLY_AUDIO, max_cost_usd=0.5))
    assert spent(one_clip).usd == pytest.approx(5 * 0.096)


def test_only_the_very_first_call_can_pass_a_ceiling_and_only_by_what_its_estimate_was_too_low(one_clip, server):
    """What holds, and what does not: no server tells beforehand what it will count."""
    teacher = place_of_long_clip(one_clip)
    with pytest.raises(QuotaError, match=r"1 answers"):
        one_clip.ask(teacher, choices=with_prices(one_clip, ONLY_AUDIO, max_cost_usd=0.05))
    assert server.requests == 1
    assert spent(one_clip).usd == pytest.approx(0.096)


def test_the_command_line_lowers_the_ceiling_and_its_message_says_so(workplace, server):
    told = (
        r"the run's budget of \$0\.003 \(--max-cost-usd\) is used up.*Run again with a higher --max-cost-usd, or with"
    )
    with pytest.raises(QuotaError, match=told):
        workplace.ask(gemini(draws=9, max_cost_usd=5), max_cost_usd=0.003)


def test_the_command_line_cannot_raise_the_ceiling(workplace, server):
    told = r"budget of \$0\.003 is used up.*Run the same command again, .*or raise teachers\.lalm\.max_cost_usd\."
    with pytest.raises(QuotaError, match=told):
        workplace.ask(gemini(draws=9, max_cost_usd=0.003), max_cost_usd=5)
    assert spent(workplace).usd <= 0.003


def test_a_ceiling_per_run_begins_anew_with_each_run(workplace, server):
    """Until all is asked, and each run asks for what the one before could not."""
    runs = 0
    while not all_asked_within(workplace, max_cost_usd=0.0031):
        runs += 1
    assert runs >= 2
    assert server.requests == 24


def all_asked_within(place, max_cost_usd: float) -> bool:
    try:
        place.ask(gemini(draws=8, concurrency=1, max_cost_usd=max_cost_usd))
    except QuotaError:
        return False
    return True


def test_a_ceiling_per_month_counts_what_earlier_runs_spent(workplace, server):
    workplace.ask(gemini(draws=4))
    before = spent(workplace).usd
    assert before > 0.001
    told = (
        r"this month's budget of \$0\.0037 \(\$0\.0011 of it before this run\) is used up\. 0 answers .*"
        r"Run the same command next month, or raise teachers\.lalm\.max_cost_usd_per_month\."
    )
    with pytest.raises(QuotaError, match=told) as caught:
        workplace.ask(gemini(draws=9, max_cost_usd_per_month=0.0037))
    assert caught.value.exit_code == 3
    assert spent(workplace).usd == before


def test_a_ceiling_per_month_counts_calls_whose_answers_were_lost(one_clip, serve):
    serve("reset*1")
    assert one_clip.ask(gemini(draws=1, attempts=1))["failed"] == 1
    well = serve()
    with pytest.raises(QuotaError, match="this month's budget"):
        one_clip.ask(gemini(draws=1, max_cost_usd_per_month=0.005))
    assert well.requests == 0
    assert one_clip.ask(gemini(draws=1, max_cost_usd_per_month=0.01))["answered"] == 1


def test_a_ceiling_per_month_is_of_one_model(workplace, server):
    workplace.ask(gemini(draws=4))
    assert workplace.ask(gemini(model="gemini-2.5-flash-lite", max_cost_usd_per_month=0.0037))["answered"] == 6


def test_requests_per_day_count_those_of_earlier_runs(workplace, server):
    workplace.ask(gemini(draws=2))
    told = r"teachers\.lalm\.limits\.requests_per_day of 8 is used up\. 2 answers .*A new day's quota begins at \d{4}-"
    with pytest.raises(QuotaError, match=told) as caught:
        workplace.ask(gemini(draws=4, limits={"requests_per_day": 8}))
    assert caught.value.exit_code == 3
    assert server.requests == 8


def test_requests_per_day_count_calls_whose_answers_were_lost(one_clip, serve):
    serve("reset*2")
    one_clip.ask(gemini(draws=2, attempts=1))
    well = serve()
    with pytest.raises(QuotaError, match="requests_per_day of 3"):
        one_clip.ask(gemini(draws=2, limits={"requests_per_day": 3}))
    assert well.requests == 1


def test_tokens_per_day_count_those_of_earlier_runs_and_are_not_passed(workplace, server):
    workplace.ask(gemini(draws=2))
    assert 900 < spent(workplace).tokens < 1000
    with pytest.raises(QuotaError, match=r"teachers\.lalm\.limits\.tokens_per_day of 3,000 is used up"):
        workplace.ask(gemini(draws=9, limits={"tokens_per_day": 3000}))
    assert 1000 < spent(workplace).tokens <= 3000


@pytest.mark.parametrize("kind", TEACHERS)
def test_every_kind_of_teacher_keeps_to_its_ceiling(workplace, server, kind):
    teacher = TEACHERS[kind](draws=60, concurrency=8, max_cost_usd=0.02 if kind == "openai" else 0.003)
    with pytest.raises(QuotaError, match="the run's budget of") as caught:
        workplace.ask(teacher)
    with AnswerStore(workplace.answers) as store:
        usd = store.spent(teacher.model, datetime.now(UTC) - timedelta(hours=1)).usd
    assert caught.value.exit_code == 3
    assert 0 < usd <= teacher.max_cost_usd
