"""Which names of objects in a bucket can be paths of files on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from tasks.contracts.errors import ClipsError

_SHOWN = 5


def check_names(paths: Iterable[str], url: str) -> None:
    """A bucket takes any text as a name: `../x.wav` would leave the folder, `a//b.wav` would be another file.

    Raises:
        ClipsError: There are such names, or one name is both a file and a folder.
    """
    known = set(paths)
    folders = {str(parent) for path in known for parent in PurePosixPath(path).parents}
    bad = sorted(path for path in known if not _can_be_path(path) or path in folders)
    if bad:
        shown = ", ".join(f'"{path}"' for path in bad[:_SHOWN]) + (", …" if len(bad) > _SHOWN else "")
        raise ClipsError(
            f"{url}: {len(bad)} names cannot be paths of files: {shown}. Rename these objects (no empty, `.` or `..` "
            "parts, no file that is a folder too), or leave them out by a manifest."
        )


def _can_be_path(path: str) -> bool:
    """
    >>> [_can_be_path(name) for name in ("a b/ü.wav", "../a.wav", "a//b.wav", "/a.wav", "./a.wav", "")]
    [True, False, False, False, False, False]
    """
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))
