"""Batch jobs that were submitted: remembered before they are sent, so that none is paid for twice or lost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tasks.contracts.errors import CacheError
from tasks.storage.files import make_folder, replacing


@dataclass(frozen=True)
class Asked:
    """Which question a key stands for."""

    audio_sha256: str
    asked_id: str
    draw: int


@dataclass(frozen=True)
class BatchRecord:
    """One job.

    Attributes:
        name: Ours, and unique.
        model: Whom it asks.
        job: The server's id of it; None: it was about to be submitted when this was written.
        submitted_at: ISO 8601, UTC.
        most_usd: What it can cost.
        asked: Key → the question.
        given_up: After the deadline it was cancelled, and its questions were asked otherwise.
    """

    name: str
    model: str
    job: str | None
    submitted_at: str
    most_usd: float
    asked: dict[str, Asked] = field(default_factory=dict)
    given_up: bool = False

    def is_older_than(self, answered_at: str | None) -> bool:
        """Whether an answer (ISO 8601, UTC; None: there is none) arrived after the job was submitted."""
        return answered_at is not None and datetime.fromisoformat(answered_at) > datetime.fromisoformat(
            self.submitted_at
        )

    def age_s(self) -> float:
        """Since it was submitted."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.submitted_at)).total_seconds()


class BatchRecords:
    """A folder with one file per job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def open(self, model: str) -> list[BatchRecord]:
        """The jobs of a model whose results have not been taken yet, the oldest first."""
        records = [_read(path) for path in sorted(self._folder.glob("*.json"))]
        return sorted((r for r in records if r.model == model), key=lambda record: record.submitted_at)

    def read(self, name: str) -> BatchRecord:
        """One job, as it is recorded now."""
        return _read(self._folder / f"{name}.json")

    def write(self, record: BatchRecord) -> BatchRecord:
        """On disk when this returns."""
        make_folder(self._folder)
        with replacing(self._folder / f"{record.name}.json") as temporary:
            temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")
        return record

    def submitted(self, record: BatchRecord, job: str) -> BatchRecord:
        """The server has it."""
        return self.write(replace(record, job=job))

    def give_up(self, record: BatchRecord) -> BatchRecord:
        """See `BatchRecord.given_up`."""
        return self.write(replace(record, given_up=True))

    def close(self, record: BatchRecord) -> None:
        """Its results have been taken, or it never arrived."""
        (self._folder / f"{record.name}.json").unlink(missing_ok=True)


def keys_in_batches(answers: Path, model: str) -> set[str]:
    """The questions that jobs under way hold, in a folder of stored answers."""
    return {
        key for record in BatchRecords(answers / "batches").open(model) if not record.given_up for key in record.asked
    }


def _read(path: Path) -> BatchRecord:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        asked = {key: Asked(**each) for key, each in content.pop("asked").items()}
        return BatchRecord(**content, asked=asked)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CacheError(
            f"{path}: the record of a batch job cannot be read ({error}). Restore it, or move it away: then the "
            "answers of that job, which are paid for, are asked again."
        ) from error
