"""A fault specification means what it says, strikes the same requests each time, and refuses what it cannot read."""

from pathlib import Path

import pytest

from tasks.teachers.loopback.faults import FAULTS, Fault, FaultPlan, parse_faults


def strikes(spec: str, requests: int = 20) -> list[str | None]:
    plan = FaultPlan(parse_faults(spec))
    return [fault.name if (fault := plan.next()) else None for _ in range(requests)]


def test_no_specification_is_no_fault():
    assert strikes("") == [None] * 20
    assert parse_faults(None) == ()


def test_a_bare_name_strikes_every_request():
    assert strikes("500") == ["500"] * 20


def test_a_count_strikes_the_first_requests():
    assert strikes("503*3", 5) == ["503", "503", "503", None, None]


def test_after_leaves_the_first_requests_alone():
    assert strikes("429-daily@after=3", 5) == [None, None, None, "429-daily", "429-daily"]


def test_a_rate_strikes_that_share():
    assert strikes("429:0.1", 2000).count("429") == pytest.approx(200, abs=40)


def test_a_rate_strikes_the_same_requests_each_time():
    assert strikes("429:0.3,500:0.2", 200) == strikes("429:0.3,500:0.2", 200)


def test_the_first_entry_that_applies_wins():
    assert strikes("503*2,500*1", 4) == ["503", "503", "500", None]


def test_all_options_can_be_combined():
    [fault] = parse_faults(" 429:0.5*7@after=2@retry_s=0.2@header=1 ")
    assert fault == Fault("429", rate=0.5, count=7, after=2, retry_s=0.2, header=1)


def test_a_place_for_the_wait_is_a_word():
    [fault] = parse_faults("429@where=retry-after-ms")
    assert fault.where == "retry-after-ms"


def test_candidates_leaves_requests_for_one_alone_and_does_not_count_them():
    plan = FaultPlan(parse_faults("candidates*1"))
    assert [plan.next(count) is not None for count in (1, 1, 3, 3)] == [False, False, True, False]


def test_faults_of_batches_and_of_requests_do_not_strike_each_other():
    plan = FaultPlan(parse_faults("batch_hangs,500"))
    assert (plan.next(is_batch=True).name, plan.next().name) == ("batch_hangs", "500")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_in_the_documentation(name):
    page = Path(__file__).parents[3] / "docs/loopback.md"
    assert f"`{name}`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FAULTS)
def test_every_known_name_is_read(name):
    assert parse_faults(name) == (Fault(name),)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "teapot",
            r'unknown fault "teapot" in "teapot"\. Known: 429, 429-daily, 500, 503, candidates, slow, reset, safety',
        ),
        ("429:often", r'rate in "429:often" must be a number from 0 to 1, got "often"'),
        ("429:2", r'rate in "429:2" must be a number from 0 to 1, got "2"'),
        ("429:nan", r"must be a number from 0 to 1"),
        ("503*-1", r'count in "503\*-1" must be a whole number, got "-1"'),
        ("503@before=4", r'unknown option "before" in "503@before=4"\. Known: after, retry_s, header, seconds'),
        ("503@after=1.5", r'after in "503@after=1\.5" must be a whole number'),
        ("429@where=moon", 'where in .* must be one of body, retry-after, retry-after-ms, date, got "moon"'),
        ("slow@seconds=-1", r'seconds in "slow@seconds=-1" must be a number of at least 0'),
    ],
)
def test_a_mistake_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        parse_faults(spec)
