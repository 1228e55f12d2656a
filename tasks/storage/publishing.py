"""Copies results to a folder or a URL, so that whoever finds `published.json` there finds a whole set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from tasks.contracts.errors import PublishError
from tasks.contracts.locations import Location, StorageOptions
from tasks.contracts.settings import OPERATIONAL, Settings
from tasks.storage.destination import Destination
from tasks.storage.files import sha256_of_file

PUBLISHED = "published.json"


class PublishSettings(Settings):
    """`publish:` a folder or a URL, or `{url: …, options: {…}}` with fsspec's options."""

    url: Location
    options: StorageOptions = Field(default={}, json_schema_extra=OPERATIONAL)

    @model_validator(mode="before")
    @classmethod
    def _url_alone(cls, given: Any) -> Any:
        return {"url": given} if isinstance(given, str | Path) else given


@dataclass(frozen=True)
class PublishedFile:
    """What was published under one name."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Published:
    """The content of `published.json`.

    Attributes:
        stages: Node → fingerprint of the result that was published.
        files: Path below the URL → content.
    """

    pipeline: str
    published_at: str
    stages: dict[str, str]
    files: dict[str, PublishedFile]


def publish(
    files: Mapping[str, Path], settings: PublishSettings, pipeline: str, stages: Mapping[str, str], now: str
) -> tuple[Published, dict[str, int]]:
    """Sends what is new, then `published.json`, then removes what an earlier one listed and this one does not.

    A reader who finds the digests of `published.json` has a whole set; after a crash the earlier one lies there still.

    Args:
        files: Path below the URL → file.
        settings: Where to.
        pipeline: Its name.
        stages: Node → fingerprint.
        now: The time, in ISO 8601.

    Returns:
        What was published, and what was counted.

    Raises:
        PublishError: Another pipeline publishes there, or the place cannot be written to.
    """
    to = Destination(str(settings.url), settings.options)
    earlier, there = _earlier(to, settings, pipeline), to.sizes()
    published = Published(pipeline, now, dict(stages), {name: _described(file) for name, file in files.items()})
    known = published.files
    new = [name for name, file in known.items() if earlier.get(name) != file or there.get(name) != file.size]
    to.send({name: files[name] for name in new})
    to.write(PUBLISHED, (json.dumps(asdict(published), indent=2, sort_keys=True) + "\n").encode())
    gone = sorted((earlier.keys() - known.keys()) & there.keys())
    to.remove(gone)
    return published, {"files": len(known), "sent": len(new), "removed": len(gone)}


def _earlier(to: Destination, settings: PublishSettings, pipeline: str) -> dict[str, PublishedFile]:
    """What `published.json` there lists; nothing where there is none, or a damaged one: then everything is sent."""
    try:
        published = TypeAdapter(Published).validate_json(to.read(PUBLISHED) or b"")
    except ValidationError:
        return {}
    if published.pipeline != pipeline:
        raise PublishError(
            f'{settings.url}: the pipeline "{published.pipeline}" publishes there; {pipeline} would write over it. '
            f"Give each pipeline a `publish` of its own, or remove {PUBLISHED} there."
        )
    return published.files


def check_published(settings: PublishSettings, record: Path, again: str) -> None:
    """Looks whether what was published is still there.

    Args:
        settings: Where.
        record: The copy of `published.json` that the stage left; nothing to check where it is absent.
        again: The command that publishes again.

    Raises:
        PublishError: Files are gone or have another size, or the place does not answer.
    """
    if not record.is_file():
        return
    published = read_published(record)
    there = Destination(str(settings.url), settings.options).sizes()
    wrong = sorted(name for name, file in published.files.items() if there.get(name) != file.size)
    wrong += [PUBLISHED] if PUBLISHED not in there else []
    if wrong:
        shown = ", ".join(wrong[:5]) + (", …" if len(wrong) > 5 else "")
        raise PublishError(
            f"{settings.url}: {len(wrong)} of {len(published.files) + 1} published files are gone or have another "
            f"size: {shown}. `{again}` publishes them again."
        )


def read_published(copy: Path) -> Published:
    """The stage's own copy of `published.json`.

    Raises:
        PublishError: It was edited by hand.
    """
    try:
        return TypeAdapter(Published).validate_json(copy.read_bytes())
    except ValidationError as error:
        raise PublishError(f"{copy}: was edited; remove it, and the next `mifuse run` publishes again.") from error


def _described(file: Path) -> PublishedFile:
    return PublishedFile(sha256_of_file(file), file.stat().st_size)
