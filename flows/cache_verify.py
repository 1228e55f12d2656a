"""What `mifuse cache verify` looks at and prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diskcache.core import DBNAME

from flows.cache_ls import check_is_there, told_left_over
from flows.columns import counted
from tasks.asking.batch_records import BatchRecords
from tasks.contracts.errors import CacheError
from tasks.contracts.progress import progress_bar
from tasks.storage.answers_check import CheckedAnswers, check_answers, count_entries
from tasks.storage.feature_shards import SUFFIX, check_shards
from tasks.storage.folder_sizes import size_of, sum_of
from tasks.storage.leftovers import leftovers
from tasks.storage.results_check import check_results, check_tables, result_folders

_SHOWN = 20
_DO = {
    "answers": (
        "Restore the folder `answers` from a backup; or `mifuse cache rm --answers --status damaged`: then those are "
        "asked, and paid for, again when a run needs them."
    ),
    "batch jobs": "Restore the file, or move it away.",
    "audio": "`mifuse cache rm --audio`: then the next run measures all files again.",
    "features": "`mifuse cache rm --features`: then the next run that needs them computes them again.",
    "mc_draws": "Delete those files: then the next run that needs their draws computes them again.",
    "store": "Restore the files, or remove the result's folder: then `mifuse run` makes it again.",
}


@dataclass(frozen=True)
class Found:
    """How much was looked at, and what is wrong: area → one line each."""

    looked_at: list[str]
    problems: dict[str, list[str]]


def verify_cache(cache: Path) -> None:
    """One line when all is well.

    Raises:
        CacheError: What is wrong, and what to do.
    """
    check_is_there(cache)
    found = _look(cache)
    if left := leftovers(cache):
        print(told_left_over(len(left), sum_of(map(size_of, left))))
    if not found.problems:
        print(f"{cache}: sound. {'; '.join(found.looked_at)}.")
        return
    count = sum(len(lines) for lines in found.problems.values())
    told = [line for area, lines in found.problems.items() for line in _told(area, lines)]
    raise CacheError("\n".join([f"{cache}: not sound, {counted(count, 'problem')}", *told]))


def _look(cache: Path) -> Found:
    problems: dict[str, list[str]] = {}
    answers, results = cache / "answers", result_folders(cache / "store")
    audio, features = sorted((cache / "audio").rglob("*.parquet")), sorted((cache / "features").rglob(f"*{SUFFIX}"))
    draws = sorted((cache / "mc_draws").rglob("[!.]*.parquet"))
    checked = CheckedAnswers()
    if (answers / DBNAME).is_file():
        with _told_progress("answers", count_entries(answers), "entries") as told:
            checked = check_answers(answers, told)
    problems["answers"] = checked.problems
    problems["batch jobs"] = _problems_of_batches(answers / "batches")
    with _told_progress("audio", len(audio), "tables") as told:
        problems["audio"] = check_tables(audio, None, told)
    with _told_progress("features", len(features), "tables") as told:
        problems["features"] = check_shards(features, told)
    with _told_progress("draws", len(draws), "tables") as told:
        problems["mc_draws"] = check_tables(draws, None, told)
    with _told_progress("results", len(results), "results") as told:
        problems["store"] = check_results(cache / "store", results, told)
    tables = len(audio) + len(features) + len(draws)
    looked_at = [_told_answers(checked), counted(len(results), "result"), counted(tables, "table")]
    return Found(looked_at, {area: lines for area, lines in problems.items() if lines})


@contextmanager
def _told_progress(what: str, total: int, unit: str) -> Iterator[Callable[[], object]]:
    with progress_bar(f"verifying {what}", total, unit) as bar:
        yield bar.update


def _problems_of_batches(folder: Path) -> list[str]:
    try:
        BatchRecords(folder).open("")
    except CacheError as error:
        return [str(error)]
    return []


def _told_answers(checked: CheckedAnswers) -> str:
    told = f"{counted(checked.answers, 'answer')}, {checked.by_key:,} made sure to lie under their own key"
    left = {
        "stored before their question was noted": checked.unnoted,
        "kept by a transcript that is not stored": checked.with_transcript,
    }
    others = [f"{count:,} cannot be: {why}" for why, count in left.items() if count]
    return f"{told} ({', '.join(others)})" if others else told


def _told(area: str, problems: Sequence[str]) -> list[str]:
    more = [f"    … and {len(problems) - _SHOWN:,} more"] if len(problems) > _SHOWN else []
    return [f"  {area}: {_DO[area]}", *(f"    {problem}" for problem in problems[:_SHOWN]), *more]
