"""The clips that a pipeline names, in a folder or at a URL: which there are, what they hold, and their audio here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.errors import ClipsError
from tasks.storage.clips import ClipsSettings
from tasks.storage.copies import Copies
from tasks.storage.file_hashes import hash_files
from tasks.storage.file_systems import RemoteFile
from tasks.storage.files import canonical_json, sha256_of_file, sha256_of_json
from tasks.storage.listed_once import listing_of
from tasks.storage.manifests import list_clips, list_clips_among


def list_source(clips: ClipsSettings, cache: Path) -> pl.DataFrame:
    """One row per clip, see `list_clips`; of a URL with the columns size and version. Fetches a manifest at most.

    Raises:
        ClipsError: See `list_clips`; or the URL cannot be listed.
    """
    manifest = here(clips.manifest, clips.options, cache) if clips.manifest else None
    with _told_as(manifest, clips.manifest):
        if isinstance(clips.folder, Path):
            folder, labels = clips.folder, clips.labels
            return listing_of(("clips", *_key(clips)), lambda: list_clips(folder, manifest, labels))
        files = _copies(clips, cache).listed().values()
        schema = {"path": pl.String(), "size": pl.Int64(), "version": pl.String()}
        there = pl.DataFrame([(file.path, file.size, file.version) for file in files], schema, orient="row")
        return list_clips_among(there, clips.folder, manifest, clips.labels)


def hash_source(clips: ClipsSettings, listed: pl.DataFrame, cache: Path, *, deep: bool = False) -> list[str | None]:
    """The content of each listed clip: SHA-256, None where a file cannot be opened. Fetches nothing.

    What lies at a URL and has not been fetched has a word that is no SHA-256; `deep` is about files in a folder.
    """
    if isinstance(clips.folder, Path):
        folder, memory = clips.folder, hash_memory(clips, cache)
        return listing_of(("hashes", deep, *_key(clips)), lambda: hash_files(folder, listed, memory, deep=deep))
    return list(_copies(clips, cache).contents(_remote_files(listed)))


def manifest_digest(clips: ClipsSettings, cache: Path) -> str | None:
    """SHA-256 of the manifest as this command saw it first; None where it has none."""
    if clips.manifest is None:
        return None
    file = here(clips.manifest, clips.options, cache)
    try:
        return listing_of(("manifest", str(clips.manifest)), lambda: sha256_of_file(file))
    except OSError:  # `list_source` says what is wrong with it
        return None


def not_fetched(clips: ClipsSettings, cache: Path) -> list[RemoteFile]:
    """What a run would fetch before anything else; nothing for a folder."""
    if isinstance(clips.folder, Path):
        return []
    files = {file.path: file for file in _remote_files(list_source(clips, cache))}
    return _copies(clips, cache).unknown(files.values())


def fetch_source(clips: ClipsSettings, cache: Path) -> int:
    """Fetches what is new or has changed at a URL, and removes copies of what is gone; how many were fetched."""
    if isinstance(clips.folder, Path):
        return 0
    copies = _copies(clips, cache)
    files = {file.path: file for file in _remote_files(list_source(clips, cache))}
    fetched = copies.fetch(list(files.values()))
    copies.forget()
    return fetched


def audio_folder(clips: ClipsSettings, cache: Path, needed: Mapping[str, str]) -> Path:
    """Where the clips' audio lies on this machine; copies that were removed are fetched again.

    Args:
        clips: The settings.
        cache: Where copies are kept.
        needed: Path → SHA-256 of the clips whose audio is to be read.
    """
    if isinstance(clips.folder, Path):
        return clips.folder
    copies = _copies(clips, cache)
    copies.restore(needed)
    return copies.folder


def here(location: Path | str, options: Mapping[str, Any], cache: Path) -> Path:
    """A single file, such as a manifest: itself, or its copy, fetched where it is new.

    Raises:
        ClipsError: It cannot be fetched.
    """
    if isinstance(location, Path):
        return location
    folder, _, name = location.rpartition("/")
    copies = Copies(folder, options, cache)
    file = copies.info(name)
    copies.fetch([file])
    content = copies.contents([file])[0]
    copies.restore({name: content})
    return copies.folder / name


def hash_memory(clips: ClipsSettings, cache: Path) -> Path:
    """Where the hashes of a folder's files are remembered."""
    return cache / "audio" / f"hashes-{sha256_of_json([str(clips.folder), str(clips.manifest)])[:16]}.parquet"


def _key(clips: ClipsSettings) -> tuple[str, ...]:
    """What names the clips, and their names: two manifests over one folder are two lists."""
    return str(clips.folder), str(clips.manifest), canonical_json(clips.labels)


def _copies(clips: ClipsSettings, cache: Path) -> Copies:
    assert isinstance(clips.folder, str)
    return Copies(clips.folder, clips.options, cache)


def _remote_files(listed: pl.DataFrame) -> list[RemoteFile]:
    return [RemoteFile(*row) for row in listed.select("path", "size", "version").iter_rows()]


@contextmanager
def _told_as(copy: Path | None, location: Path | str | None) -> Iterator[None]:
    """Mistakes in the copy of a manifest are told of the manifest."""
    try:
        yield
    except ClipsError as error:
        if copy is None or copy == location:
            raise
        raise ClipsError(str(error).replace(str(copy), str(location))) from error
