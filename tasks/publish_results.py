"""Stage: the results → a folder or a URL, with `published.json` written last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.storage.files import files_below, write_json
from tasks.storage.publishing import PUBLISHED, PublishSettings, publish


# NO_CACHE: freshness is decided by our stage records.
@task(name="publish_results", cache_policy=NO_CACHE)
def publish_results(
    pipeline: str, outputs: Mapping[str, Path], stages: Mapping[str, str], to: PublishSettings, out: Path
) -> dict[str, int]:
    """Sends what has changed since it was published last.

    Args:
        pipeline: Its name.
        outputs: Path below the URL → file or folder.
        stages: Node → fingerprint of the result.
        to: Where to.
        out: A copy of `published.json`.
    """
    files = {name: file for output, path in outputs.items() for name, file in _files(output, path)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    published, counted = publish(files, to, pipeline, stages, now)
    write_json(out / PUBLISHED, asdict(published))
    return counted


def _files(output: str, path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(output, path)]
    return [(f"{output}/{file.relative_to(path).as_posix()}", file) for file in files_below(path)]
