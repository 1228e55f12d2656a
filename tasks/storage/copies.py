"""Copies on this machine of files that lie at a URL: each fetched once, and known by its content from then on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.errors import ClipsError
from tasks.contracts.progress import progress_bar
from tasks.storage.file_systems import FileSystem, RemoteFile, endpoint_of
from tasks.storage.files import make_folder, remove, replacing, sha256_of_file, sha256_of_json
from tasks.storage.key_names import check_names
from tasks.storage.listed_once import listing_of
from tasks.storage.run_locks import alone

_SCHEMA = {"path": pl.String(), "version": pl.String(), "sha256": pl.String()}
_AT_ONCE = 16
_REMEMBER_EVERY_S = 5.0  # what a killed process loses
_SHOWN = 5


class Copies:
    """Of the files below one URL: `CACHE/fetched/<the URL>/`, and in `CACHE/audio/` what is known of each.

    What is known outlives the copies: where they are removed to free the disk, nothing becomes stale.
    """

    def __init__(self, url: str, options: Mapping[str, Any], cache: Path) -> None:
        self.url, self._options = url, dict(options)
        name = f"{re.sub('[^A-Za-z0-9]+', '-', url)[:60]}-{sha256_of_json([url, endpoint_of(options)])[:8]}"
        self.folder = cache / "fetched" / name
        self._memory = cache / "audio" / f"fetched-{name}.parquet"

    @cached_property
    def _system(self) -> FileSystem:
        return FileSystem(self.url, self._options)

    def listed(self) -> dict[str, RemoteFile]:
        """What lies there now, by path; within `listed_once` as it was when first asked."""
        return self._listed_after()[1]

    def _listed_after(self) -> tuple[frozenset[tuple[str, str]], dict[str, RemoteFile]]:
        """The same, and what was known before: other runs fetch what is newer than this list."""
        return listing_of(str(self.folder), lambda: (frozenset(self._known()), self._system.list()))

    def info(self, path: str) -> RemoteFile:
        """One file there, remembered likewise."""
        return listing_of(str(self.folder / path), lambda: self._system.info(path))

    def contents(self, files: Sequence[RemoteFile]) -> list[str]:
        """The SHA-256 of each file; of what has not been fetched a word that is no SHA-256 and changes as it does."""
        known = self._known()
        return [known.get((file.path, file.version)) or f"not fetched: {file.path} {file.version}" for file in files]

    def unknown(self, files: Iterable[RemoteFile]) -> list[RemoteFile]:
        """Those whose content is not known: new ones and changed ones."""
        known = self._known()
        return [file for file in files if (file.path, file.version) not in known]

    def fetch(self, files: Sequence[RemoteFile]) -> int:
        """Fetches those whose content is not known; how many that were. What was fetched is kept, whatever happens.

        Raises:
            ClipsError: A name that cannot be a file's here, files that went away, or the URL does not answer.
        """
        if not self.unknown(files):
            return 0
        check_names([file.path for file in files], self.url)
        with self._alone():
            wanted = self.unknown(files)  # less what the other one has fetched
            self._fetch_all(wanted)
        return len(wanted)

    def forget(self) -> None:
        """Removes the copies of files that are not there any more, as far as they were known when it was listed."""
        before, there = self._listed_after()
        if not (gone := {key for key in before if key[0] not in there} & self._known().keys()):
            return
        with self._alone():
            known = self._known()
            for path, _ in gone & known.keys():
                remove(self.folder / path)
            self._write([(*key, sha256) for key, sha256 in known.items() if key not in gone])

    def restore(self, content_of: Mapping[str, str]) -> None:
        """Fetches copies again that were removed.

        Args:
            content_of: Path → SHA-256, of all that are needed.

        Raises:
            ClipsError: One of them has changed or gone away since.
        """
        gone = [RemoteFile(path, None, "") for path in content_of if not (self.folder / path).is_file()]
        if not gone:
            return
        changed = [path for path, _, sha256 in self._in_turn(gone) if sha256 != content_of[path]]
        for path in changed:
            remove(self.folder / path)
        if changed:
            raise ClipsError(
                f"{self.url}: {_some(changed)} changed since the clips were indexed. The next `mifuse run` indexes "
                "them anew."
            )

    def _alone(self) -> AbstractContextManager[bool]:
        return alone(self.folder.with_name(f"{self.folder.name}.lock"), f"another run that fetches {self.url}")

    def _fetch_all(self, wanted: Sequence[RemoteFile]) -> None:
        rows: list[tuple[str, str, str]] = []
        last = time.monotonic()
        try:
            for row in self._in_turn(wanted):
                rows.append(row)
                if time.monotonic() - last > _REMEMBER_EVERY_S:
                    self._remember(rows)
                    last = time.monotonic()
        finally:
            self._remember(rows)

    def _in_turn(self, wanted: Sequence[RemoteFile]) -> Iterator[tuple[str, str, str]]:
        """Path, version and SHA-256 of each, as they come; then what went away is told."""
        make_folder(self.folder)
        pool, vanished = ThreadPoolExecutor(_AT_ONCE), []
        try:
            coming: dict[Future[str | None], RemoteFile] = {pool.submit(self._fetch, file): file for file in wanted}
            with progress_bar("fetching", len(wanted), "files") as bar:
                for future in as_completed(coming):
                    file, sha256 = coming[future], future.result()
                    bar.update()
                    if sha256 is None:
                        vanished.append(file.path)
                    else:
                        yield file.path, file.version, sha256
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        if vanished:
            raise ClipsError(
                f"{self.url}: {_some(vanished)} went away after the files were listed. What was fetched is kept; "
                "the same command goes on."
            )

    def _fetch(self, file: RemoteFile) -> str | None:
        """None where it is not there any more."""
        with self._system.telling("fetched", file.path):
            try:
                with replacing(self.folder / file.path) as temporary:
                    self._system.fs.get_file(self._system.place(file.path), str(temporary))
                    self._check_size(file, temporary.stat().st_size)
                    return sha256_of_file(temporary)
            except FileNotFoundError:
                return None

    def _check_size(self, file: RemoteFile, found: int) -> None:
        if file.size not in (None, found):
            raise ClipsError(
                f"{self.url}/{file.path}: {found:,} bytes came, {file.size:,} were listed: it changes right now, or "
                "the connection broke. What was fetched is kept; the same command goes on."
            )

    def _known(self) -> dict[tuple[str, str], str]:
        try:
            rows = pl.read_parquet(self._memory, columns=list(_SCHEMA))
        except (OSError, pl.exceptions.PolarsError):  # absent, or damaged: it is only a memory
            return {}
        return {(path, version): sha256 for path, version, sha256 in rows.iter_rows()}

    def _remember(self, rows: Sequence[tuple[str, str, str]]) -> None:
        new = {path for path, _, _ in rows}
        self._write([(*key, sha256) for key, sha256 in self._known().items() if key[0] not in new] + list(rows))

    def _write(self, rows: Sequence[tuple[str, str, str]]) -> None:
        with replacing(self._memory) as temporary:
            pl.DataFrame(rows, _SCHEMA, orient="row").sort("path").write_parquet(temporary)


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(f'"{path}"' for path in sorted(paths)[:_SHOWN])
    count = "1 file" if len(paths) == 1 else f"{len(paths):,} files"
    return f"{count} ({shown}{', …' if len(paths) > _SHOWN else ''})"
