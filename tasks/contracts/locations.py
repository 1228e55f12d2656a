"""Where files lie: a path on this machine, or a URL that fsspec opens, such as `s3://bucket/calls`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from tasks.contracts.settings import beside_pipelines_yaml

_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]*?)://(.*)", re.DOTALL)
_USUAL = ["s3", "gs", "gcs", "abfs", "az", "sftp", "hdfs", "http", "https", "ftp", "webdav"]
# These open other files' content or nothing that lasts: no place of its own.
_NO_PLACES = {"asynclocal", "blockcache", "cached", "dask", "data", "dir", "filecache", "generic", "libarchive"}
_NO_PLACES |= {"async_wrapper", "asyncwrapper", "reference", "simplecache", "tar", "zip"}
_SECRET = re.compile(
    r"(^|_)(key|secret|token|pass|password|passwd|credentials?|sas|connection_string|authorization|cookies?)(_|$)"
    r"|^auth$|(api|access|secret|account)key|(access|auth|session)token"
)
_NO_SECRETS = re.compile(r"_(file|filename|filenames|path)$|^(endpoint_url|token_uri)$")
_WORDS_FOR_TOKEN = {"anon", "browser", "cache", "cloud", "google_default"}  # gcsfs: where to look, no token itself


def _located(given: Any, info: ValidationInfo) -> Path | str:
    if isinstance(given, Path):
        return beside_pipelines_yaml(given, info)
    if not isinstance(given, str):
        raise ValueError(f"must be a path or a URL, got {given!r}")
    url = _PROTOCOL.fullmatch(given)
    if url is None:
        return beside_pipelines_yaml(Path(given), info)
    protocol, rest = url.groups()
    if protocol in ("file", "local"):
        return beside_pipelines_yaml(Path(rest), info)
    _check_url(protocol, given)
    return given.rstrip("/")


def _check_url(protocol: str, url: str) -> None:
    from fsspec import available_protocols  # here: most pipelines have no URL

    if "::" in url:
        raise ValueError("a chain of URLs (::) cannot be used; name the folder itself")
    if protocol not in set(available_protocols()) - _NO_PLACES:
        close = difflib.get_close_matches(protocol, _USUAL, n=1, cutoff=0.5)
        meant = f' Did you mean "{close[0]}"?' if close else ""
        raise ValueError(f'unknown protocol "{protocol}".{meant} fsspec opens s3, gs, abfs, sftp, hdfs and others')
    if not _PROTOCOL.fullmatch(url)[2].strip("/"):  # type: ignore[index]
        raise ValueError(f'"{url}" names no bucket or folder')
    if "@" in (there := urlsplit(url).netloc) and ":" in there.rpartition("@")[0]:
        raise ValueError("a password does not belong into a URL; give it as the file system's library expects it")


# Relative paths are meant from the folder of pipelines.yaml. A `str` is always a URL, never a path.
Location = Annotated[Path | str, BeforeValidator(_located)]


def _without_secrets(options: dict[str, Any]) -> dict[str, Any]:
    if secrets := sorted(_secrets_in(options)):
        raise ValueError(
            f"{', '.join(secrets)}: a secret does not belong into pipelines.yaml. Give it as the file system's library "
            "expects it: for s3 a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
        )
    return options


def _secrets_in(options: dict[str, Any], below: str = "") -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _secrets_in(value, f"{below}{name}.")
        elif _is_secret(str(name).lower().replace("-", "_")) and not (
            isinstance(value, str) and value in _WORDS_FOR_TOKEN
        ):
            yield f"{below}{name}"


def _is_secret(name: str) -> bool:
    """
    >>> [_is_secret(name) for name in ("secret", "aws_access_key_id", "key_filename", "profile", "endpoint_url")]
    [True, True, False, False, False]
    """
    return bool(_SECRET.search(name)) and not _NO_SECRETS.search(name)


# fsspec's storage_options: an endpoint, a profile, a region. Never a secret: settings are printed and kept.
StorageOptions = Annotated[dict[str, Any], AfterValidator(_without_secrets)]
