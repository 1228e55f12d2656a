"""`batch: {deadline_h: …}`: cheaper answers in jobs, and whatever a job does not answer is asked online."""

import pytest

from tasks.contracts.errors import QuotaError
from tasks.query_lalm import Choices
from tests.query_lalm.asking import TEACHERS, gemini, with_prices

BATCHING = {"gemini": TEACHERS["gemini"], "anthropic": TEACHERS["anthropic"]}
KINDS = pytest.mark.parametrize("kind", BATCHING)
HALF = {"deadline_h": 24, "poll_s": 0.02}
AT_ONCE = {"deadline_h": 1e-9, "poll_s": 0.02}  # over before the first look
HALF_PRICE = """
gemini-2.5-flash: {audio_input: 1.00, text_input: 0.30, output: 2.50, batch: 0.5, as_of: "2026-11"}
claude-haiku-5-5: {audio_input: 0.10, text_input: 0.10, output: 0.50, batch: 0.5, as_of: "2026-11"}
"""


def at_half_price(place, max_cost_usd: float | None = None) -> Choices:
    return with_prices(place, HALF_PRICE, max_cost_usd)


def teacher_of(kind, **settings):
    return BATCHING[kind](**{"batch": HALF} | settings)


def records(place) -> list:
    return list((place.answers / "batches").glob("*"))


@KINDS
def test_all_answers_come_from_a_job_and_none_from_a_call(workplace, server, kind):
    stats = workplace.ask(teacher_of(kind))
    assert (stats["answered"], stats["calls"]) == (6, 0)
    assert (server.batch_answered, server.answered) == (6, 0)


@KINDS
def test_when_its_answers_are_taken_a_job_is_remembered_no_more(workplace, server, kind):
    workplace.ask(teacher_of(kind))
    assert records(workplace) == []


@KINDS
def test_a_job_pays_the_share_of_the_price_that_the_list_says(workplace, server, kind):
    workplace.ask(teacher_of(kind), choices=at_half_price(workplace))
    batched = workplace.table()
    workplace.ask(BATCHING[kind](), answers=workplace.root / "online", choices=at_half_price(workplace))
    online = workplace.table()
    per_token = {t: (table["cost_usd"] / table["input_tokens"]).mean() for t, table in enumerate([batched, online])}
    assert per_token[0] == pytest.approx(per_token[1] / 2, rel=0.05)


@KINDS
def test_what_a_job_cost_is_what_the_run_says_it_paid(workplace, server, kind):
    stats = workplace.ask(teacher_of(kind), choices=at_half_price(workplace))
    assert stats["paid_usd"] == pytest.approx(workplace.table()["cost_usd"].sum(), abs=1e-6)
    assert stats["paid_usd"] > 0


def test_seeded_answers_are_the_same_as_online(workplace, server):
    workplace.ask(teacher_of("gemini"), choices=at_half_price(workplace))
    batched = workplace.table_without_times().drop("cost_usd")
    workplace.ask(gemini(), answers=workplace.root / "online")
    assert workplace.table_without_times().drop("cost_usd").equals(batched)


@KINDS
def test_online_and_batched_answers_are_the_same_thing_to_the_store(workplace, server, kind):
    workplace.ask(teacher_of(kind))
    assert workplace.ask(BATCHING[kind]())["calls"] == 0
    workplace.ask(teacher_of(kind))
    assert (server.batch_answered, server.answered) == (6, 0)


@KINDS
def test_a_job_asks_for_what_is_new_alone(workplace, server, kind):
    workplace.ask(BATCHING[kind](draws=1))
    workplace.ask(teacher_of(kind, draws=3))
    assert (server.batch_answered, server.answered) == (6, 3)


def test_a_job_that_is_past_its_deadline_is_cancelled_and_the_rest_is_asked_online(workplace, serve):
    """Anthropic's gives back what it had answered."""
    server = serve("batch_hangs")
    stats = workplace.ask(teacher_of("anthropic", batch=AT_ONCE))
    assert (server.batch_answered, server.answered, stats["calls"]) == (3, 3, 3)
    assert workplace.table()["status"].to_list() == ["answered"] * 6
    assert records(workplace) == []


def test_a_job_of_geminis_that_is_cancelled_gives_nothing_back_and_all_is_asked_online(workplace, serve):
    server = serve("batch_hangs")
    stats = workplace.ask(teacher_of("gemini", batch=AT_ONCE))
    assert (server.batch_answered, server.answered, stats["answered"]) == (0, 6, 6)


@KINDS
def test_after_a_job_was_cancelled_nothing_is_asked_again(workplace, serve, kind):
    server = serve("batch_hangs")
    workplace.ask(teacher_of(kind, batch=AT_ONCE))
    asked = server.requests
    assert workplace.ask(teacher_of(kind))["calls"] == 0
    assert server.requests == asked


@KINDS
@pytest.mark.parametrize("fault", ["batch_fails", "batch_expires"])
def test_a_job_that_ends_without_an_answer_is_asked_online(workplace, serve, kind, fault):
    server = serve(fault)
    stats = workplace.ask(teacher_of(kind))
    assert (stats["answered"], server.batch_answered, server.answered) == (6, 0, 6)


@KINDS
def test_a_question_that_failed_within_a_job_is_asked_online(workplace, serve, kind):
    server = serve("500*2")
    stats = workplace.ask(teacher_of(kind))
    assert (stats["answered"], server.batch_answered, server.answered) == (6, 4, 2)


@KINDS
def test_refused_and_unreadable_answers_of_a_job_are_kept_as_those_of_calls_are(workplace, serve, kind):
    server = serve("safety*1,unparsable*1")
    stats = workplace.ask(teacher_of(kind))
    assert (stats["answered"], stats["refused"], stats["unparsable"], stats["calls"]) == (4, 1, 1, 0)
    assert workplace.ask(teacher_of(kind))["calls"] == 0
    assert (server.batch_answered, server.answered) == (6, 0)


@KINDS
def test_a_job_that_could_pass_the_ceiling_is_not_submitted(workplace, server, kind):
    with pytest.raises(QuotaError, match=r"the run's budget of \$0\.0001 .*is used up\. 0 answers arrived") as caught:
        workplace.ask(teacher_of(kind), choices=at_half_price(workplace, max_cost_usd=0.0001))
    assert caught.value.exit_code == 3
    assert (server.batch_answered, server.answered, records(workplace)) == (0, 0, [])


def test_a_job_is_reserved_at_its_own_price(workplace, server):
    """Six questions may cost $0.016 online, and half of it in a job."""
    stats = workplace.ask(teacher_of("gemini"), choices=at_half_price(workplace, max_cost_usd=0.0085))
    assert (stats["answered"], server.batch_answered) == (6, 6)


@KINDS
def test_what_is_to_be_asked_again_goes_into_a_job_too(workplace, serve, kind):
    server = serve("unparsable*2")
    workplace.ask(teacher_of(kind))
    stats = workplace.ask(teacher_of(kind), choices=Choices(retry=frozenset({"unparsable"})))
    assert (stats["answered"], server.batch_answered, server.answered) == (6, 8, 0)
