"""`mifuse cache rm`: says what would be lost, asks, and removes that and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from flows.__main__ import main
from tasks.storage.asking_locks import asking_lock
from tests.flows.cache.conftest import Folder
from tests.storage.kept_answers import MODEL, asked_of, put


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            [],
            "nothing is named. Give --unused, --pipeline NAME, --answers, --features, --mc-draws, --audio, --fetched, ",
        ),
        (
            ["--unused", "--answers", "--all"],
            "--unused never takes answers, which were paid for. Name those in a command",
        ),
        (["--answers"], "all of them were paid for. Say which, by --model, --prompt or --status; or --all"),
        (["--model", MODEL], "--model, --prompt, --status and --all are about --answers; give that too"),
        (["--features", "--all"], "--all are about --answers; give that too"),
        (["--answers", "--all", "--prompt", "emotion-v1"], "--all and a choice by --model, --prompt or --status"),
        (["--answers", "--model", "gemini-9"], "no stored answer fits; `mifuse cache ls` lists them"),
    ],
)
def test_rm_refuses_what_it_does_not_understand_and_removes_nothing(words: list[str], told: str, cache: Folder) -> None:
    result = cache.mifuse("rm", "--yes", *words)
    assert result.exit_code == 2
    assert told in result.output
    assert cache.left() == [True, True, True]


def test_rm_without_anybody_to_ask_says_what_it_would_remove_and_removes_nothing(cache: Folder) -> None:
    result = cache.mifuse("rm", "--answers", "--all", "--work")
    assert result.exit_code == 2
    assert "3 answers (1 refused) for $0.75, to be paid again if needed again" in result.output
    assert "work: 1 file," in result.output
    assert "nobody can be asked; --yes removes without asking. Nothing was removed." in result.output
    assert cache.left() == [True, True, True]
    assert cache.work.exists()


def test_rm_removes_what_a_person_agrees_to(cache: Folder) -> None:
    done = cache.said_to("y", "rm", "--answers", "--model", MODEL)
    assert done.returncode == 0
    assert "2 answers (1 refused) for $0.50" in done.stdout
    assert "removed; " in done.stdout
    assert cache.left() == [False, False, True]


def test_rm_removes_nothing_when_a_person_says_no(cache: Folder) -> None:
    done = cache.said_to("n", "rm", "--answers", "--all", "--features")
    assert done.returncode == 2
    assert "not agreed; nothing was removed" in done.stderr
    assert cache.left() == [True, True, True]
    assert cache.features.exists()


def test_rm_of_all_answers_keeps_what_was_spent(cache: Folder) -> None:
    assert cache.mifuse("rm", "--answers", "--all", "--yes").exit_code == 0
    told = json.loads(cache.mifuse("ls", "--json").output)
    assert told["answers"] == []
    assert told["spent"][0]["usd"] == 1.5


def test_rm_of_one_prompt_keeps_the_others(cache: Folder) -> None:
    put(cache.answers, asked=asked_of(prompt="What?"), prompt_id="emotion-v2")
    assert cache.mifuse("rm", "--answers", "--prompt", "emotion-v2", "--yes").exit_code == 0
    assert cache.left() == [True, True, True]
    assert "emotion-v2" not in cache.mifuse("ls").output


def test_rm_says_that_a_price_is_not_known(cache: Folder) -> None:
    put(cache.answers, 2, cost_usd=None)
    told = cache.mifuse("rm", "--answers", "--model", MODEL).output
    assert "3 answers (1 refused) for $0.50, without 1 whose price was not known" in told


@pytest.mark.parametrize("folder", ["features", "audio", "work"])
def test_rm_of_what_can_be_made_again_touches_nothing_else(folder: str, cache: Folder) -> None:
    files = {"features": cache.features, "audio": cache.index, "work": cache.work}
    assert cache.mifuse("rm", f"--{folder}", "--yes").exit_code == 0
    assert [name for name, file in files.items() if not file.exists()] == [folder]
    assert cache.left() == [True, True, True]
    assert (cache.result / "labels.parquet").exists()


def test_rm_empties_a_folder_that_is_a_link_to_another_disk(cache: Folder, tmp_path: Path) -> None:
    (cache.root / "features").rename(tmp_path / "disk")
    (cache.root / "features").symlink_to(tmp_path / "disk")
    assert cache.mifuse("rm", "--features", "--yes").exit_code == 0
    assert list((tmp_path / "disk").iterdir()) == []
    assert (cache.root / "features").is_dir()


def test_rm_where_nothing_lies_says_so(tmp_path: Path) -> None:
    words = ["cache", "rm", "--features", "--answers", "--all", "--cache", str(tmp_path)]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.output) == (0, "nothing to remove.\n")


def test_rm_of_answers_is_refused_while_a_run_asks(cache: Folder) -> None:
    with FileLock(asking_lock(cache.answers, "gemini-2.5-pro")):
        result = cache.mifuse("rm", "--answers", "--all", "--features", "--yes")
    assert result.exit_code == 2
    assert "a run is asking right now, and needs the stored answers" in result.output
    assert cache.left() == [True, True, True]
    assert cache.features.exists()


def test_rm_says_how_much_space_it_gave_back(cache: Folder) -> None:
    cache.work.write_bytes(b"x" * 5_000_000)
    assert "removed; 5.0 MB given back" in cache.mifuse("rm", "--work", "--yes").output
