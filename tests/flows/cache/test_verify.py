"""`mifuse cache verify`: is it sound; if not, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.asking.batch_records import BatchRecord, BatchRecords
from tests.flows.cache.conftest import Folder
from tests.storage import kept_answers
from tests.storage.conftest import Cache
from tests.storage.kept_answers import MODEL


def test_verify_says_in_one_line_that_all_is_well_and_what_it_took_on_trust(cache: Folder) -> None:
    result = cache.mifuse("verify")
    assert result.exit_code == 0
    assert result.output == (
        f"{cache.root}: sound. 3 answers, 2 made sure to lie under their own key (1 cannot be: stored before "
        "their question was noted); 1 result; 2 tables.\n"
    )


def spoil_answer(cache: Folder) -> None:
    kept_answers.edit(cache.answers, cache.keys[0], draw=9)


def spoil_index(cache: Folder) -> None:
    cache.index.write_bytes(b"PAR1")


def spoil_features(cache: Folder) -> None:
    cache.features.write_bytes(cache.features.read_bytes()[:-9])


def spoil_result(cache: Folder) -> None:
    (cache.result / "labels.parquet").write_text("odd")


def spoil_batch_job(cache: Folder) -> None:
    BatchRecords(cache.answers / "batches").write(BatchRecord("one", MODEL, None, "2026-11-21T03:00:00+00:00", 1.0))
    (cache.answers / "batches" / "one.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "told", "advice"),
    [
        (spoil_answer, "is kept under a key that is not its own", "or `mifuse cache rm --answers --status damaged`"),
        (spoil_index, "hashes.parquet cannot be read", "`mifuse cache rm --audio`: then the next run measures"),
        (spoil_features, "a.arrow: stored features that cannot", "`mifuse cache rm --features`: then the next run"),
        (spoil_result, "fuse_labels/f1: labels.parquet was edited", "remove the result's folder: then `mifuse run`"),
        (spoil_batch_job, "the record of a batch job cannot be read", "Restore the file, or move it away"),
    ],
)
def test_verify_tells_what_is_wrong_and_what_to_do(
    spoil: Callable[[Folder], None], told: str, advice: str, cache: Folder
) -> None:
    spoil(cache)
    result = cache.mifuse("verify")
    assert result.exit_code == 2
    assert f"error: {cache.root}: not sound, 1 problem" in result.output
    assert told in result.output
    assert advice in result.output


def test_verify_tells_twenty_of_many(cache: Folder) -> None:
    for n in range(25):
        kept_answers.write(cache.answers, f"{n:064x}", b"")
    told = cache.mifuse("verify").output
    assert told.count("is no JSON") == 20
    assert "… and 5 more" in told


def test_verify_changes_nothing(cache: Folder, contents: Callable[[Path], dict[str, bytes]]) -> None:
    spoil_answer(cache)
    before = contents(cache.root)
    cache.mifuse("verify")
    after = {name: content for name, content in contents(cache.root).items() if not name.endswith(("-wal", "-shm"))}
    assert after == before


def test_what_verify_says_to_do_makes_it_sound(cache: Folder) -> None:
    spoil_answer(cache)
    spoil_index(cache)
    spoil_features(cache)
    assert cache.mifuse("verify").exit_code == 2
    words = ("--answers", "--status", "damaged", "--audio", "--features", "--yes")
    assert cache.mifuse("rm", *words).exit_code == 0
    assert cache.mifuse("verify").exit_code == 0
    assert cache.left() == [False, True, True]


def test_what_killed_runs_left_is_no_damage_but_told(cache: Folder) -> None:
    Cache(cache.root).write("half")
    result = cache.mifuse("verify")
    assert result.exit_code == 0
    assert "left over by killed runs: 1, " in result.output
    assert "`mifuse cache rm --unused` frees them" in result.output
    assert ": sound. " in result.output
    assert cache.mifuse("rm", "--unused", "--yes").exit_code == 0
    assert "left over" not in cache.mifuse("verify").output
