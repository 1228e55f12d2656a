"""A real S3 server on this machine (moto's), a bucket of one's own in it, and what was asked of it."""

from __future__ import annotations

import logging
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

if TYPE_CHECKING:
    import s3fs

_REQUEST = re.compile(r'"(\w+) /([^ ?]*)(\?\S*)? HTTP')


class _Requests(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass
class Bucket:
    """An empty bucket, and the log of its server."""

    name: str
    requests: _Requests
    endpoint: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    @property
    def fs(self) -> s3fs.S3FileSystem:
        import s3fs  # with moto seconds: only for the tests that use them

        system = s3fs.S3FileSystem()
        system.invalidate_cache()
        return system

    def put(self, key: str, content: bytes) -> None:
        self.fs.pipe_file(f"{self.name}/{key}", content)

    def put_in_parts(self, key: str, content: bytes) -> None:
        """As large files are sent: the ETag is no hash of the content then."""
        of = {"Bucket": self.name, "Key": key}
        of["UploadId"] = self.fs.call_s3("create_multipart_upload", **of)["UploadId"]
        part = self.fs.call_s3("upload_part", PartNumber=1, Body=content, **of)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        self.fs.call_s3("complete_multipart_upload", MultipartUpload=parts, **of)

    def put_folder(self, folder: Path, under: str = "") -> None:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            self.put(f"{under}{file.relative_to(folder).as_posix()}", file.read_bytes())

    def get(self, key: str) -> bytes:
        return bytes(self.fs.cat_file(f"{self.name}/{key}"))

    def remove(self, key: str) -> None:
        self.fs.rm_file(f"{self.name}/{key}")

    def keys(self, under: str = "") -> set[str]:
        return {name.removeprefix(f"{self.name}/") for name in self.fs.find(f"{self.name}/{under}")}

    def asked(self, method: str) -> list[str]:
        """Keys of objects that were asked for by GET, or sent by PUT; since `forget`."""
        found = (_REQUEST.search(line) for line in self.requests.lines)
        paths = [
            unquote(each[2]) for each in found if each and each[1] == method and "list-type" not in (each[3] or "")
        ]
        return [path.removeprefix(f"{self.name}/") for path in paths if path.startswith(f"{self.name}/")]

    def listings(self) -> int:
        """How often the bucket was listed; since `forget`."""
        return sum("list-type=2" in line and f"/{self.name}?" in line for line in self.requests.lines)

    def forget(self) -> None:
        self.requests.lines.clear()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """Found by the libraries' usual environment variables; nothing of this machine's own is read."""
    import s3fs

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    log, requests = logging.getLogger("werkzeug"), _Requests()
    before = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(requests)
    made = Bucket(f"bucket-{uuid.uuid4().hex[:12]}", requests, s3_server)
    made.fs.mkdir(made.name)
    made.forget()
    yield made
    log.removeHandler(requests)
    log.level, log.propagate = before
    s3fs.S3FileSystem.clear_instance_cache()
