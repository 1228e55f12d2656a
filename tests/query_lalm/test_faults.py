"""What goes wrong at the provider: survived, marked, or stopped with a message; never lost, never paid for twice."""

import random
import re

import polars as pl
import pytest

from tasks.contracts.errors import ProviderError, QuotaError

KEY = "AIza-made-up-0123456789"


def test_being_told_to_wait_is_survived(workplace, serve, gemini):
    server = serve("429:0.4@retry_s=0.05,429*1@retry_s=0.05")
    stats = workplace.ask(gemini(attempts=12))
    assert stats["answered"] == server.answered == 6
    assert stats["calls"] == server.requests == 6 + stats["turned_away"] > 6


def test_an_overloaded_server_is_survived(workplace, serve, gemini):
    random.seed(1)  # the first wait is a seventh of a second
    server = serve("503*1")
    assert workplace.ask(gemini(concurrency=1))["answered"] == 6
    assert server.requests == 7


def test_json_with_prose_around_it_is_read(workplace, serve):
    serve("prose")
    assert workplace.ask()["answered"] == 6
    assert workplace.table()["raw_answer"].str.contains("```json", literal=True).all()


def test_refused_answers_are_kept_counted_paid_and_not_asked_again(workplace, serve):
    server = serve("safety*2")
    stats = workplace.ask()
    assert (stats["calls"], stats["refused"], stats["answered"], stats["unfinished"]) == (6, 2, 4, None)
    refused = workplace.table().filter(pl.col("status") == "refused")
    assert refused["reason"].to_list() == ["finish_reason SAFETY"] * 2
    assert refused["raw_answer"].to_list() == ["", ""]
    assert refused["cost_usd"].min() > 0
    assert refused.select(pl.col("^p_.*$").exclude("prompt_id").null_count()).row(0) == (2, 2, 2, 2)
    assert workplace.ask()["calls"] == 0
    assert server.requests == 6


@pytest.mark.parametrize(
    ("fault", "raw", "reason"),
    [
        ("unparsable", "The speaker sounds rather upset", "no JSON object in the answer 'The speaker"),
        ("truncated_json", '{"angry"', "the JSON breaks off, expected a whole object"),
        ("max_tokens", "", "the answer is empty"),
    ],
)
def test_unreadable_answers_are_kept_word_for_word_counted_and_not_asked_again(workplace, serve, fault, raw, reason):
    server = serve(f"{fault}*2")
    stats = workplace.ask()
    assert (stats["unparsable"], stats["answered"], stats["unfinished"]) == (2, 4, None)
    unreadable = workplace.table().filter(pl.col("status") == "unparsable")
    assert unreadable["raw_answer"].str.starts_with(raw).all()
    assert unreadable["reason"].str.starts_with(reason).all()
    assert workplace.ask()["calls"] == 0
    assert server.requests == 6


def test_draws_that_got_no_answer_are_marked_and_asked_again_by_the_next_run(workplace, serve, gemini):
    serve("500*2")
    stats = workplace.ask(gemini(attempts=1))
    assert (stats["failed"], stats["answered"]) == (2, 4)
    assert stats["unfinished"] == "2 draws failed and are asked again"
    failed = workplace.table().filter(pl.col("status") == "failed")
    assert failed["reason"].str.starts_with("500 INTERNAL").all()
    assert failed["raw_answer"].null_count() == failed["cost_usd"].null_count() == 2
    stats = workplace.ask(gemini(attempts=1))
    assert (stats["calls"], stats["answered"], stats["unfinished"]) == (2, 6, None)


def test_fewer_clips_with_an_answer_than_asked_for_is_an_error_that_counts_the_reasons(workplace, serve, gemini):
    """One draw of each clip; the first two are refused."""
    server = serve("safety*2")
    teacher = gemini(draws=1, concurrency=1, min_answered=0.9)
    message = (
        "lalm (gemini-2.5-flash): 33% of the clips got a usable answer, teachers.lalm.min_answered is 90%. "
        "Most frequent: 2 × finish_reason SAFETY. All answers are kept"
    )
    with pytest.raises(ProviderError, match=re.escape(message)) as caught:
        workplace.ask(teacher)
    assert caught.value.exit_code == 4
    assert not workplace.draws.exists()
    assert workplace.ask(gemini(draws=1, min_answered=0.3))["calls"] == 0
    assert server.requests == 3


def test_a_clip_counts_as_answered_when_one_of_its_draws_is(workplace, serve, gemini):
    """All of draw 0 are refused, in the order clip by clip."""
    serve("safety*1")
    assert workplace.ask(gemini(draws=2, concurrency=1, min_answered=1.0))["refused"] == 1


def test_the_daily_quota_ends_the_run_keeps_all_and_the_next_run_asks_for_the_rest(workplace, serve, gemini):
    serve("429-daily@after=4")
    message = (
        r"lalm \(gemini-2\.5-flash\): asking stopped: the daily quota is used up \(429 RESOURCE_EXHAUSTED.*\)\. "
        r"4 answers arrived in this run \(\$0\.0004\) and are kept; 2 are still to be asked\. "
        r"A new day's quota begins at \d{4}-\d\d-\d\d \d\d:\d\d \S+; run the same command then\."
    )
    with pytest.raises(QuotaError, match=message) as caught:
        workplace.ask(gemini(concurrency=1))
    assert caught.value.exit_code == 3
    tomorrow = serve()
    assert workplace.ask()["answered"] == 6
    assert tomorrow.requests == 2


@pytest.mark.parametrize("setting", ["teacher", "run", "both"])
def test_the_lower_budget_ends_the_run_before_it_is_passed(workplace, server, gemini, setting):
    """A call may cost $0.0027; answers here cost a tenth of that."""
    teacher = gemini(concurrency=1, max_cost_usd={"teacher": 0.003, "run": None, "both": 5}[setting])
    options = {} if setting == "teacher" else {"max_cost_usd": 0.003}
    with pytest.raises(QuotaError, match=r"the run's budget of \$0\.003 .*is used up\. [1-5] answers") as caught:
        workplace.ask(teacher, **options)
    assert caught.value.exit_code == 3
    asked = server.requests
    assert workplace.ask()["calls"] == 6 - asked


def test_an_unknown_address_ends_the_run_at_once(workplace, server, gemini, monkeypatch):
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"{server.url}/elsewhere")
    message = r"asking stopped: 404 NOT_FOUND .*is not served here.*\. 0 answers arrived"
    with pytest.raises(ProviderError, match=message) as caught:
        workplace.ask(gemini(concurrency=1))
    assert caught.value.exit_code == 4


def test_a_provider_that_is_out_ends_the_run_and_keeps_what_arrived(workplace, serve, gemini):
    server = serve("500@after=5")
    with pytest.raises(ProviderError, match="the provider is out: 20 questions in a row got no answer") as caught:
        workplace.ask(gemini(draws=20, attempts=1, concurrency=1))
    assert caught.value.exit_code == 4
    assert server.requests == 25
    later = serve()
    assert workplace.ask(gemini(draws=20))["answered"] == 60
    assert later.requests == 55


def everything_written(workplace) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(workplace.root.rglob("*")) if file.is_file())


def test_the_key_is_in_no_file_and_in_no_log(workplace, serve, capfd):
    server = serve("429*1@retry_s=0.05,safety*1,unparsable*1")
    workplace.ask()
    assert server.requests == 7
    assert KEY.encode() not in everything_written(workplace)
    assert KEY not in repr(server.log)
    assert KEY not in "".join(capfd.readouterr())


def test_a_key_that_no_header_can_carry_is_in_no_message_and_in_no_file(workplace, server, gemini, monkeypatch):
    """Two lines pasted where one belongs."""
    monkeypatch.setenv("GEMINI_API_KEY", f"{KEY}\n{KEY}")
    with pytest.raises(Exception) as caught:  # noqa: PT011 the kind does not matter here
        workplace.ask(gemini(attempts=1, min_answered=1.0))
    assert KEY not in str(caught.value)
    assert KEY.encode() not in everything_written(workplace)
