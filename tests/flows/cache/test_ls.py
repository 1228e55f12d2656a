"""`mifuse cache ls`: what lies there and what it cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.__main__ import main
from tests.flows.cache.conftest import Folder
from tests.storage import kept_answers
from tests.storage.kept_answers import MODEL, put


def line_of(result: Result, *words: str) -> list[str]:
    """The cells of the one line that begins with these words."""
    (line,) = [line.split() for line in result.output.splitlines() if line.split()[: len(words)] == list(words)]
    return line


def test_ls_tells_the_folders_with_the_pipelines_after_the_shared_ones(cache: Folder) -> None:
    told = cache.mifuse("ls").output
    names = ["answers", "audio", "features", "logmel", "store", "work", "calls", "in"]
    lines = [line.split()[0] for line in told.split("\n\n")[1].splitlines()]
    assert lines == ["folder", *names]
    assert "3 answers" in told
    (line,) = [line for line in told.split("\n\n")[1].splitlines() if line.startswith("  calls")]
    assert "a pipeline's results" in line


def test_ls_tells_answers_by_model_and_prompt_with_refusals_dollars_and_dates(cache: Folder) -> None:
    row = line_of(cache.mifuse("ls"), MODEL, "emotion-v1")
    assert row[:9] == [MODEL, "emotion-v1", "0.6", "2", "1", "0", "0.50", "2026-11-21", "2026-11-21"]
    assert row[9] == "question"


def test_ls_tells_older_answers_by_who_answered(cache: Folder) -> None:
    assert line_of(cache.mifuse("ls"), "old-1")[:7] == ["old-1", "–", "–", "1", "0", "0", "0.25"]
    assert "–: stored before mifuse noted the question" in cache.mifuse("ls").output


def test_ls_marks_a_sum_that_lacks_answers_without_a_price(cache: Folder) -> None:
    put(cache.answers, 2, cost_usd=None)
    result = cache.mifuse("ls")
    assert line_of(result, MODEL, "emotion-v1")[6] == "0.50+"
    assert "+: without 1 answer whose price was not known" in result.output


def test_ls_tells_dollars_by_month_and_model_and_what_got_lost(cache: Folder) -> None:
    (spent,) = [line.split() for line in cache.mifuse("ls").output.splitlines() if MODEL in line and "3,000" in line]
    assert spent[1:] == [MODEL, "3", "3,000", "1.50", "0.25"]


def test_ls_as_json_holds_the_same(cache: Folder) -> None:
    told = json.loads(cache.mifuse("ls", "--json").output)
    assert [(group["model"], group["answers"], group["refused"]) for group in told["answers"]] == [
        (MODEL, 2, 1),
        ("old-1", 1, 0),
    ]
    assert told["answers"][0]["settings"] == {"temperature": 0.6}
    assert told["spent"][0] | {"month": ""} == {
        "month": "",
        "model": MODEL,
        "calls": 3,
        "tokens": 3000,
        "usd": 1.5,
        "unconfirmed_usd": 0.25,
    }
    assert told["folders"]["features"]["files"] == 1
    assert told["damaged"] == 0


def test_ls_says_that_something_cannot_be_read(cache: Folder) -> None:
    kept_answers.write(cache.answers, "ef" * 32, b"")
    assert "1 entry cannot be read; `mifuse cache verify` says which" in cache.mifuse("ls").output


def test_ls_of_an_empty_cache_tells_nothing_of_answers(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["cache", "ls", "--cache", str(tmp_path)])
    assert result.exit_code == 0
    assert "model" not in result.output


@pytest.mark.parametrize("command", [["ls"], ["verify"], ["rm", "--work", "--yes"]])
def test_a_cache_that_does_not_exist_is_told_and_not_made(command: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["cache", *command, "--cache", str(tmp_path / "absent")])
    assert result.exit_code == 2
    assert "absent: no such folder. `mifuse run` makes it; --cache DIR or MIFUSE_CACHE" in result.output
    assert not (tmp_path / "absent").exists()
