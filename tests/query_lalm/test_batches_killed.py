"""A run that is killed while its batch job is under way: the next one takes that job's answers and pays none twice."""

import json
import re
import urllib.request

import pytest

from tasks.contracts.errors import CacheError, ProviderError, QuotaError
from tests.query_lalm.asking import KEY, TEACHERS, gemini
from tests.query_lalm.asking_alone import Asks, kill_when_its_job_is_submitted

KINDS = pytest.mark.parametrize("kind", ["gemini", "anthropic"])
PATIENT = {"deadline_h": 24, "poll_s": 0.05}
JOBS_AT = {"gemini": ("v1beta/batches", "operations"), "anthropic": ("v1/messages/batches", "data")}


def teacher_of(kind, **settings):
    return TEACHERS[kind](**{"batch": PATIENT} | settings)


def jobs_at(server, kind) -> int:
    """How many jobs the server was ever given."""
    path, key = JOBS_AT[kind]
    request = urllib.request.Request(f"{server.url}/{path}", headers={"x-goog-api-key": KEY, "x-api-key": KEY})
    with urllib.request.urlopen(request) as reply:
        return len(json.load(reply)[key])


@pytest.fixture
def leave_a_job(workplace):
    """A job of a run that was killed while it waited; its record."""

    def leave(server, kind, **settings):
        table = workplace.index()
        paths = (table, workplace.clips, workplace.answers, workplace.root / "killed.parquet")
        process = Asks(teacher_of(kind, **settings), *paths, server.url).start()
        return kill_when_its_job_is_submitted(process, workplace.answers)

    return leave


def forget_the_id(record) -> None:
    """As if the run had been killed between writing down that it submits, and learning the job's name."""
    record.write_text(json.dumps(json.loads(record.read_text()) | {"job": None}))


@KINDS
def test_the_next_run_waits_for_the_same_job_and_takes_its_answers(workplace, serve, leave_a_job, kind):
    server = serve(batch_s=2)
    leave_a_job(server, kind)
    stats = workplace.ask(teacher_of(kind))
    assert (stats["answered"], jobs_at(server, kind)) == (6, 1)
    assert (server.batch_answered, server.answered) == (6, 0)


@KINDS
def test_a_job_whose_name_the_run_never_learned_is_found(workplace, serve, leave_a_job, kind):
    server = serve(batch_s=2)
    forget_the_id(leave_a_job(server, kind))
    stats = workplace.ask(teacher_of(kind))
    assert (stats["answered"], jobs_at(server, kind)) == (6, 1)
    assert (server.batch_answered, server.answered) == (6, 0)


@KINDS
def test_a_job_that_never_reached_the_server_is_submitted_again(workplace, serve, leave_a_job, kind):
    forget_the_id(leave_a_job(serve(batch_s=3600), kind))
    server = serve()
    assert workplace.ask(teacher_of(kind))["answered"] == 6
    assert (jobs_at(server, kind), server.batch_answered) == (1, 6)


@KINDS
def test_what_is_new_since_then_goes_into_a_job_of_its_own(workplace, serve, leave_a_job, kind):
    server = serve(batch_s=2)
    leave_a_job(server, kind)
    assert workplace.ask(teacher_of(kind, draws=3))["answered"] == 9
    assert (jobs_at(server, kind), server.batch_answered, server.answered) == (2, 9, 0)


@KINDS
def test_a_job_that_the_server_knows_nothing_of_stops_the_run_and_names_the_records(
    workplace, serve, leave_a_job, kind
):
    """Asking online instead could pay twice."""
    record = leave_a_job(serve(batch_s=3600), kind)
    other = serve()
    told = r"the server does not tell about a batch job that it was given \(404 .*remove its record in "
    with pytest.raises(ProviderError, match=told + re.escape(str(workplace.answers / "batches"))) as caught:
        workplace.ask(teacher_of(kind))
    assert caught.value.exit_code == 4
    assert other.answered == other.batch_answered == 0
    record.unlink()
    assert workplace.ask(teacher_of(kind))["answered"] == 6


def test_a_record_that_cannot_be_read_stops_the_run_before_it_asks(workplace, serve, leave_a_job):
    server = serve(batch_s=3600)
    leave_a_job(server, "gemini").write_text("{")
    with pytest.raises(CacheError, match=r"the record of a batch job cannot be read .*Restore it, or move it away"):
        workplace.ask(teacher_of("gemini"))
    assert (jobs_at(server, "gemini"), server.answered) == (1, 0)


def test_a_run_without_batches_does_not_pay_again_for_what_waits_in_a_job(workplace, serve, leave_a_job):
    server = serve(batch_s=3600)
    leave_a_job(server, "gemini")
    with pytest.raises(QuotaError, match=r"6 of these draws wait in a batch job .*Give `batch:` back to wait for it"):
        workplace.ask(gemini())
    assert server.answered == 0


def test_another_models_job_is_left_alone(workplace, serve, leave_a_job):
    server = serve(batch_s=3600)
    record = leave_a_job(server, "gemini")
    well = serve()
    assert workplace.ask(teacher_of("gemini", model="gemini-2.5-flash-lite"))["answered"] == 6
    assert well.batch_answered == 6
    assert record.exists()


def test_a_record_holds_neither_the_key_nor_audio(workplace, serve, leave_a_job):
    record = json.loads(leave_a_job(serve(batch_s=3600), "gemini").read_text())
    assert KEY[:8] not in json.dumps(record)
    assert set(record) == {"name", "model", "job", "submitted_at", "most_usd", "asked", "given_up"}
