"""What other stages take from a kept result, as digests; made once, and remembered beside the result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tasks.contracts.errors import CacheError
from tasks.storage.files import sha256_of_json, write_json
from tasks.storage.stage_records import Record
from tasks.storage.tables import digest_of_columns

MEMORY = "digests.json"


def digest_of_output(folder: Path, record: Record, output: str, columns: Sequence[str] | None) -> str:
    """Of some columns of a table; of a whole file or folder where `columns` is None.

    Args:
        folder: Of the result, whose files are known to be as its record says.
        record: The result's.
        output: A file or folder of it.
        columns: Those that are read.
    """
    files = {name: file["sha256"] for name, file in record.outputs[output].items()}
    if columns is None:
        return str(files[""]) if "" in files else sha256_of_json(files)
    known, key = _remembered(folder), " ".join([output, files[""], *columns])
    if key not in known:
        known[key] = digest_of_columns(folder / output, columns)
        with suppress(CacheError, OSError):  # where it cannot be written it is made again
            write_json(folder / MEMORY, known)
    return known[key]


def _remembered(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / MEMORY).read_bytes())
    except (OSError, ValueError):  # absent, or damaged: it is only a memory
        return {}
    return found if isinstance(found, dict) else {}
