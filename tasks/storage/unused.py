"""Which stored results the pipelines' folders show; all others are kept for the day when somebody goes back to them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from tasks.contracts.stages import CODE_VERSIONS
from tasks.storage.results_check import result_folders
from tasks.storage.stage_records import Record

RECORDS = ".records"
_RECORD = TypeAdapter(Record)
_ORDER = list(CODE_VERSIONS)


@dataclass(frozen=True)
class ShownResult:
    """What a pipeline shows of one node.

    Attributes:
        pipeline: The name of its folder.
        record: As it was when the result was made.
        folder: Where the result lies in the store, if nobody has removed it.
    """

    pipeline: str
    record: Record
    folder: Path

    @property
    def written_at_s(self) -> float | None:
        """When the last of its files was written, seconds since 1970: by the record, since copies have other times."""
        times = [known["mtime_ns"] for files in self.record.outputs.values() for known in files.values()]
        return max(times) / 1e9 if times else None


def pipeline_folders(cache: Path) -> list[Path]:
    """The folders that show results, whether or not their pipeline still exists."""
    return sorted(records.parent for records in cache.glob(f"*/{RECORDS}") if records.is_dir())


def shown_results(cache: Path, pipeline: str) -> list[ShownResult]:
    """What the pipeline's folder shows, in the order of the DAG; a record that cannot be read is as good as none."""
    found = (_read(file) for file in sorted((cache / pipeline / RECORDS).glob("[!.]*.json")))
    records = sorted((record for record in found if record is not None), key=_place_in_dag)
    return [ShownResult(pipeline, record, cache / "store" / _address(record)) for record in records]


def linked_results(cache: Path, pipeline: str) -> set[Path]:
    """The results in the store that links in the pipeline's folder lead to."""
    store = (cache / "store").resolve()
    links = (path.resolve() for path in _links_below(cache / pipeline))
    below = (target.relative_to(store).parts for target in links if target.is_relative_to(store))
    return {cache / "store" / parts[0] / parts[1] for parts in below if len(parts) > 1}


def used_results(cache: Path, pipeline: str) -> set[Path]:
    """Those, and the results that the pipeline's records name: where the file system has no links, it shows copies."""
    return linked_results(cache, pipeline) | {result.folder for result in shown_results(cache, pipeline)}


def unused_results(cache: Path, used: set[Path]) -> list[Path]:
    """All finished results but these."""
    return [folder for folder in result_folders(cache / "store") if folder not in used]


def _address(record: Record) -> Path:
    return Path(_stage(record), record.fingerprint[:24])


def _stage(record: Record) -> str:
    return record.node.partition(".")[0]


def _place_in_dag(record: Record) -> tuple[int, str]:
    stage = _stage(record)
    return (_ORDER.index(stage) if stage in _ORDER else len(_ORDER)), record.node


def _read(file: Path) -> Record | None:
    try:
        return _RECORD.validate_json(file.read_bytes())
    except (OSError, ValueError):  # what it showed is found by the links
        return None


def _links_below(folder: Path) -> list[Path]:
    """None of them is followed."""
    found = []
    for root, folders, files in os.walk(folder):
        found += [path for name in (*folders, *files) if (path := Path(root, name)).is_symlink()]
    return found
