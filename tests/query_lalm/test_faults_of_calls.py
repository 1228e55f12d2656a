"""Calls that end without an answer, with each kind of teacher: asked again, stopped, or paid in vain."""

import random
import re

import pytest

from tasks.contracts.errors import ProviderError, QuotaError
from tests.query_lalm.asking import KEYS, TEACHERS, gemini

KINDS = pytest.mark.parametrize("kind", TEACHERS)


PLACES = [(kind, where) for kind in TEACHERS for where in ("body", "retry-after", "retry-after-ms")]
PLACES.remove(("anthropic", "body"))  # Anthropic's own servers never tell it there


@pytest.mark.parametrize(("kind", "where"), PLACES)
def test_the_wait_is_obeyed_wherever_the_server_tells_it(one_clip, serve, kind, where):
    random.seed(1)  # left to itself the first wait is a seventh of a second
    server = serve(f"429*1@retry_s=0.6@where={where}")
    stats = one_clip.ask(TEACHERS[kind](concurrency=1))
    assert (stats["calls"], stats["turned_away"], stats["answered"]) == (3, 1, 2)
    turned_away, next_call, _ = [asked.time for asked in server.log]
    assert next_call - turned_away >= 0.6


@KINDS
def test_a_call_that_was_turned_away_costs_nothing(one_clip, serve, kind):
    serve("429*2@retry_s=0.05")
    stats = one_clip.ask(TEACHERS[kind](concurrency=1))
    assert "lost_usd" not in stats
    assert stats["paid_usd"] == pytest.approx(one_clip.table()["cost_usd"].sum(), abs=1e-6)


@KINDS
@pytest.mark.parametrize("fault", ["500", "503"])
def test_a_server_error_is_asked_again(one_clip, serve, kind, fault):
    random.seed(1)
    server = serve(f"{fault}*1")
    stats = one_clip.ask(TEACHERS[kind](concurrency=1))
    assert (stats["answered"], stats["calls"], server.requests) == (2, 3, 3)


@KINDS
@pytest.mark.parametrize(("fault", "told"), [("500", "500"), ("503", r"503|529")])
def test_a_server_error_that_stays_is_the_reason_of_a_failed_draw(one_clip, serve, kind, fault, told):
    serve(f"{fault}*1")
    one_clip.ask(TEACHERS[kind](attempts=1, concurrency=1))
    status, reason, raw = one_clip.table().select("status", "reason", "raw_answer").row(0)
    assert (status, raw) == ("failed", None)
    assert re.match(told, reason)


@KINDS
def test_a_connection_that_is_reset_is_asked_again_and_counted_as_paid(one_clip, serve, kind):
    """The server answered, and nobody knows what: as dear as a call can be."""
    random.seed(1)
    server = serve("reset*1")
    stats = one_clip.ask(TEACHERS[kind](concurrency=1))
    assert (stats["answered"], stats["calls"], server.answered) == (2, 3, 3)
    assert stats["lost_usd"] > 0
    assert stats["paid_usd"] == pytest.approx(stats["cost_usd"] + stats["lost_usd"], abs=2e-6)


@KINDS
def test_an_answer_that_comes_too_late_is_failed_and_counted_as_paid(one_clip, serve, kind):
    serve("slow*1@seconds=20")
    stats = one_clip.ask(TEACHERS[kind](draws=1, attempts=1, timeout_s=2))
    row = one_clip.table().row(0, named=True)
    assert (row["status"], row["reason"], row["cost_usd"]) == ("failed", "no answer within 2 s", None)
    assert stats["paid_usd"] == stats["lost_usd"] > 0
    assert stats["unfinished"] == "1 draws failed and are asked again"


NOTHING_LEFT = {
    "gemini": r"the daily quota is used up \(429 RESOURCE_EXHAUSTED .*\)\. .* A new day's quota begins at \d{4}-",
    "openai": r"the account has nothing left to spend \(429 insufficient_quota .*See its credit and limits",
    "anthropic": r"the account has nothing left to spend \(400 .*credit balance is too low.*See its credit and limits",
}


@KINDS
def test_when_nothing_is_left_to_spend_the_run_stops_at_once_and_keeps_what_arrived(one_clip, serve, kind):
    server = serve("429-daily@after=2")
    with pytest.raises(QuotaError, match=NOTHING_LEFT[kind]) as caught:
        one_clip.ask(TEACHERS[kind](draws=4, concurrency=1))
    assert caught.value.exit_code == 3
    assert "2 answers arrived in this run" in str(caught.value)
    assert "2 are still to be asked" in str(caught.value)
    assert server.requests == 3


@KINDS
def test_after_that_the_next_run_asks_for_the_rest_alone(one_clip, serve, kind):
    serve("429-daily@after=2")
    with pytest.raises(QuotaError):
        one_clip.ask(TEACHERS[kind](draws=4, concurrency=1))
    tomorrow = serve()
    assert one_clip.ask(TEACHERS[kind](draws=4))["answered"] == 4
    assert tomorrow.requests == 2


@KINDS
def test_a_server_that_wants_no_more_questions_for_long_ends_the_run(one_clip, serve, kind):
    server = serve("429@retry_s=4000")
    with pytest.raises(QuotaError, match=r"asks to wait 67 minutes .*Run the same command after that\.") as caught:
        one_clip.ask(TEACHERS[kind](concurrency=1))
    assert caught.value.exit_code == 3
    assert server.requests == 1


@KINDS
def test_a_path_that_is_not_served_costs_one_call(one_clip, serve, kind, monkeypatch):
    server = serve()
    for name in ("GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, f"{server.url}/elsewhere")
    with pytest.raises(ProviderError, match=r"asking stopped: 404 .*is not served here.* 0 answers arrived") as caught:
        one_clip.ask(TEACHERS[kind](draws=5))
    assert caught.value.exit_code == 4


@KINDS
def test_when_nobody_listens_the_draws_fail_with_the_reason_and_nothing_is_paid(one_clip, serve, kind, monkeypatch):
    serve()
    for name in ("GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    stats = one_clip.ask(TEACHERS[kind](attempts=1))
    assert (stats["failed"], stats["paid_usd"]) == (2, 0)
    assert one_clip.table()["reason"].str.contains("ConnectError").all()


@KINDS
def test_without_a_key_nothing_is_asked(one_clip, serve, kind, monkeypatch):
    server = serve()
    for name in KEYS:
        monkeypatch.delenv(name)
    if kind == "openai":
        monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(Exception, match="no API key") as caught:
        one_clip.ask(TEACHERS[kind]())
    assert caught.value.exit_code == 2
    assert server.requests == 0


def test_the_ceiling_counts_answers_that_came_too_late_at_what_they_can_cost(one_clip, serve):
    """A call may cost $0.0027: two of them fit into $0.006, and a third is not sent."""
    server = serve("slow@seconds=20")
    with pytest.raises(QuotaError, match=r"the run's budget of \$0\.006 is used up\. 0 answers") as caught:
        one_clip.ask(gemini(draws=1, attempts=9, timeout_s=2, max_cost_usd=0.006))
    assert caught.value.exit_code == 3
    assert server.requests == 2
