"""Records of batch jobs: on disk before the job is, one file each, and refused when they cannot be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.asking.batch_records import Asked, BatchRecord, BatchRecords
from tasks.contracts.errors import CacheError

WHEN = "2026-11-21T06:00:00+00:00"
RECORD = BatchRecord("mifuse-1", "a-model", None, WHEN, 0.5, {"k": Asked("a" * 64, "b" * 64, 3)})


@pytest.fixture
def records(tmp_path) -> BatchRecords:
    return BatchRecords(tmp_path / "batches")


def test_a_record_comes_back_as_it_was_written(records):
    records.write(RECORD)
    assert records.open("a-model") == [RECORD]


def test_where_no_job_was_ever_submitted_there_are_none(records):
    assert records.open("a-model") == []


def test_a_job_that_was_submitted_has_the_servers_name_for_it(records):
    records.write(RECORD)
    records.submitted(RECORD, "batches/123")
    assert [record.job for record in records.open("a-model")] == ["batches/123"]


def test_a_record_that_is_given_up_stays(records):
    records.give_up(RECORD)
    assert [record.given_up for record in records.open("a-model")] == [True]


def test_a_closed_record_is_gone_and_closing_it_again_is_nothing(records):
    records.write(RECORD)
    records.close(RECORD)
    records.close(RECORD)
    assert records.open("a-model") == []


def test_each_model_has_its_own(records):
    records.write(RECORD)
    assert records.open("another-model") == []


def test_the_oldest_comes_first(records):
    newer = replace(RECORD, name="mifuse-0", submitted_at="2026-11-21T07:00:00+00:00")
    for record in (newer, RECORD):
        records.write(record)
    assert records.open("a-model") == [RECORD, newer]


def test_its_age_is_the_time_since_it_was_submitted():
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    assert replace(RECORD, submitted_at=an_hour_ago).age_s() >= 3600


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"asked": {"k": {}}}', '{"asked": 3}', '"text"'])
def test_a_record_that_cannot_be_read_is_refused_with_what_it_may_cost_to_lose_it(records, tmp_path, content):
    records.write(RECORD)
    (tmp_path / "batches" / "mifuse-1.json").write_text(content)
    told = r"mifuse-1\.json: the record of a batch job cannot be read .*Restore it, or move it away: then the answers"
    with pytest.raises(CacheError, match=told):
        records.open("a-model")


def test_other_files_in_the_folder_are_left_alone(records, tmp_path):
    records.write(RECORD)
    (tmp_path / "batches" / "notes.txt").write_text("mine")
    assert len(records.open("a-model")) == 1
