"""Opens what lies at a URL through fsspec, and tells what is wrong there in one sentence."""

from __future__ import annotations

import errno
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tasks.contracts.errors import ClipsError, MifuseError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
# Not all of them are OSErrors. Looked up where their package is imported: who has not imported it has not raised it.
_THEIR_ERRORS = {
    "botocore.exceptions": "BotoCoreError",
    "aiohttp": "ClientError",
    "gcsfs.retry": "HttpError",
    "google.auth.exceptions": "GoogleAuthError",
    "azure.core.exceptions": "AzureError",
    "paramiko": "SSHException",
}
_WHO_YOU_ARE = (
    "Who you are is taken from where the file system's library looks for it: for s3 AWS_PROFILE, AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or the machine's role."
)
_OF_THIS_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}  # a copy's: told as such by the command line
# What changes when the content does, the surest first; S3, Google, Azure, HTTP, hdfs, sftp and others name it so.
_TOKENS = "ETag etag md5Hash content_settings.content_md5 Content-MD5 Digest checksum generation"
_TIMES = "LastModified last_modified Last-Modified updated mtime modified modificationTime modify created"


@dataclass(frozen=True)
class RemoteFile:
    """One file below a URL.

    Attributes:
        path: Relative to the URL.
        size: Bytes; None where the file system does not tell.
        version: Another one when the content has changed, perhaps also when it has not.
    """

    path: str
    size: int | None
    version: str


class FileSystem:
    """What lies below one URL. Nothing is remembered from one call to the next."""

    def __init__(self, url: str, options: Mapping[str, Any], error: type[MifuseError] = ClipsError) -> None:
        self.url, self._error, self._has_options = url, error, bool(options)
        with self.telling("opened"):
            from fsspec.core import url_to_fs

            self.fs, root = url_to_fs(url, **options)
        self.root: str = root.rstrip("/")

    def place(self, path: str) -> str:
        """The file's name as fsspec takes it."""
        return f"{self.root}/{path}"

    def list(self) -> dict[str, RemoteFile]:
        """All files below the URL by path, from one listing, in order of their paths.

        Raises:
            ClipsError: No such bucket, not allowed, not reachable (or the error that was given).
        """
        with self.telling("listed"):
            self.fs.invalidate_cache()
            found = self.fs.find(self.root, detail=True)
        prefix = f"{self.root}/"
        below = ((name[len(prefix) :], info) for name, info in found.items() if name.startswith(prefix))
        # "calls/" itself: an empty object that consoles make so that a folder is seen.
        return {path: self._file(path, info) for path, info in sorted(below) if path and not path.endswith("/")}

    def info(self, path: str) -> RemoteFile:
        """One file below the URL.

        Raises:
            ClipsError: It is not there, not allowed, not reachable.
        """
        with self.telling("looked at", path):
            self.fs.invalidate_cache()
            return self._file(path, self.fs.info(self.place(path)))

    def _file(self, path: str, info: Mapping[str, Any]) -> RemoteFile:
        token = next((info[name] for name in f"{_TOKENS} {_TIMES}".split() if info.get(name) is not None), None)
        size = info.get("size")
        if token is None:  # recordings of one length have one size
            raise self._error(
                f"{self.url}/{path}: this file system tells neither time nor checksum, so that nobody could see that a "
                "file has changed. Copy the files to a folder or to a bucket."
            )
        return RemoteFile(path, size, f"{size} {token}")

    @contextmanager
    def telling(self, doing: str, path: str = "") -> Iterator[None]:
        """Turns what fsspec and its libraries raise into one of our errors."""
        where = f"{self.url}/{path}" if path else self.url
        try:
            yield
        except MifuseError:
            raise
        except ImportError as error:
            raise self._error(f"{where}: {error}. {_told_install(self.url)}") from error
        except FileNotFoundError as error:
            raise self._error(f"{where}: no such file, folder or bucket ({error}). Look at the URL.") from error
        except PermissionError as error:
            advice = _WHO_YOU_ARE if "://" in self.url else "Let this user read and write there."
            raise self._error(f"{where}: not allowed ({error}). {advice}") from error
        except TypeError as error:
            if not self._has_options:
                raise
            raise self._error(f"{where}: cannot be opened with these `options`: {error}.") from error
        except _network_errors() as error:
            if isinstance(error, OSError) and error.errno in _OF_THIS_DISK:
                raise
            raise self._error(f"{where}: cannot be {doing}: {error}".rstrip(".") + ".") from error


def _network_errors() -> tuple[type[Exception], ...]:
    modules = ((sys.modules.get(module), name) for module, name in _THEIR_ERRORS.items())
    theirs = (getattr(module, name) for module, name in modules if module is not None and hasattr(module, name))
    return (OSError, *theirs)


def _told_install(url: str) -> str:
    extra = _EXTRAS.get(url.partition("://")[0])
    return f"pip install 'mifuse[{extra}]'" if extra else "Install that package beside mifuse."


def endpoint_of(options: Mapping[str, Any]) -> Any:
    """Two servers may have a bucket of the same name."""
    return options.get("endpoint_url") or (options.get("client_kwargs") or {}).get("endpoint_url")


def missing_package(url: str) -> str | None:
    """What to install before this URL can be opened; None where all is there. Looks at no network."""
    from fsspec.registry import known_implementations

    protocol = url.partition("://")[0]
    known = known_implementations.get(protocol, {})
    if importlib.util.find_spec(known.get("class", "fsspec").partition(".")[0]) is not None:
        return None
    return f"{known.get('err', protocol)}. {_told_install(url)}"
