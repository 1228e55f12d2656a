"""A folder or a URL to copy files to, where nobody ever sees half a file."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.contracts.errors import PublishError
from tasks.contracts.progress import progress_bar
from tasks.storage.file_systems import FileSystem

_AT_ONCE = 8
# An object is there when all of it has arrived. Elsewhere a reader could see half a file: there it is renamed.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "az", "adl", "oss", "oci", "memory"}


class Destination:
    """Errors are PublishErrors that name the file."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._system = FileSystem(url, options, PublishError)
        self._is_object_store = "://" in url and url.partition("://")[0] in _OBJECT_STORES

    def sizes(self) -> dict[str, int | None]:
        """Path → size of all that lies there now."""
        return {name: file.size for name, file in self._system.list().items()}

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""
        with self._system.telling("read", name):
            try:
                return bytes(self._system.fs.cat_file(self._system.place(name)))
            except FileNotFoundError:
                return None

    def send(self, files: Mapping[str, Path]) -> None:
        """Path there → file here; several at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool, progress_bar("publishing", len(files), "files") as bar:
            for _ in pool.map(self._send, files.keys(), files.values()):
                bar.update()

    def write(self, name: str, content: bytes) -> None:
        """In one step."""
        self._arrive(name, lambda place: self._system.fs.pipe_file(place, content))

    def remove(self, names: Iterable[str]) -> None:
        """Files that are there."""
        for name in names:
            with self._system.telling("removed", name):
                self._system.fs.rm_file(self._system.place(name))

    def _send(self, name: str, file: Path) -> None:
        self._arrive(name, lambda place: self._system.fs.put_file(str(file), place))

    def _arrive(self, name: str, write: Callable[[str], object]) -> None:
        fs, place = self._system.fs, self._system.place(name)
        with self._system.telling("written", name):
            if self._is_object_store:  # and no makedirs: s3fs would make the bucket
                write(place)
                return
            path = PurePosixPath(place)
            temporary = str(path.with_name(f".{path.name}-{uuid.uuid4().hex}"))
            fs.makedirs(str(path.parent), exist_ok=True)
            try:
                write(temporary)
                fs.mv(temporary, place)
            finally:
                if fs.exists(temporary):
                    fs.rm_file(temporary)
