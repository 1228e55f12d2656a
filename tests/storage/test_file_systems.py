"""What lies at a URL, and what is wrong there in one sentence."""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.contracts.errors import ClipsError
from tasks.storage.file_systems import FileSystem, missing_package
from tests.s3_server import Bucket

AT_ONCE = {"config_kwargs": {"retries": {"max_attempts": 0}}}


def test_a_listing_has_paths_sizes_and_versions_and_no_folder_marks(bucket: Bucket) -> None:
    bucket.put("calls/sub/ü ñ?#%20.wav", b"abc")
    bucket.put("calls/", b"")
    bucket.put("callsign/no.wav", b"abc")
    found = FileSystem(f"{bucket.url}/calls", {}).list()
    assert [(file.path, file.size) for file in found.values()] == [("sub/ü ñ?#%20.wav", 3)]


def test_the_version_changes_with_the_content_and_not_with_a_look(bucket: Bucket) -> None:
    system = FileSystem(bucket.url, {})
    versions = []
    for content in (b"abc", b"abd", b"abc"):
        bucket.put("a.wav", content)
        versions.append(system.list()["a.wav"].version)
        assert system.info("a.wav").version == versions[-1]
    assert versions[0] == versions[2] != versions[1]


@pytest.fixture
def web_folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its URL at a web server that tells times but no checksums."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_web_servers_file_of_the_same_size_is_another_version(web_folder: tuple[Path, str]) -> None:
    folder, url = web_folder
    versions = set()
    for written_at, content in enumerate((b"abc", b"abd")):
        (folder / "m.csv").write_bytes(content)
        os.utime(folder / "m.csv", (written_at, written_at))
        versions.add(FileSystem(url, {}).info("m.csv").version)
    assert len(versions) == 2


def test_a_file_system_that_tells_the_size_alone_is_refused(web_folder: tuple[Path, str]) -> None:
    system = FileSystem(web_folder[1], {})
    with pytest.raises(ClipsError, match=r"/a\.wav: this file system tells neither time nor checksum"):
        system._file("a.wav", {"size": 3})


def test_a_prefix_with_nothing_below_it_is_empty(bucket: Bucket) -> None:
    assert FileSystem(f"{bucket.url}/nothing", {}).list() == {}


def test_a_bucket_that_is_not_there_is_named(bucket: Bucket) -> None:
    with pytest.raises(ClipsError, match=r"^s3://no-such-bucket-at-all/x: no such file, folder or bucket"):
        FileSystem("s3://no-such-bucket-at-all/x", {}).list()


def test_an_object_that_is_not_there_is_named(bucket: Bucket) -> None:
    with pytest.raises(ClipsError, match=f"^{bucket.url}/m.csv: no such file"):
        FileSystem(bucket.url, {}).info("m.csv")


@pytest.fixture
def forbidden(bucket: Bucket) -> Bucket:
    """Whose server knows nobody."""
    _let_in(bucket, "0")
    yield bucket
    _let_in(bucket, "inf")


def _let_in(bucket: Bucket, requests: str) -> None:
    asked = urllib.request.Request(f"{bucket.endpoint}/moto-api/reset-auth", data=requests.encode(), method="POST")
    asked.add_header("Content-Type", "text/plain")
    urllib.request.urlopen(asked).read()


def test_who_is_not_allowed_hears_where_credentials_are_looked_for(forbidden: Bucket) -> None:
    with pytest.raises(ClipsError, match=r"not allowed .* for s3 AWS_PROFILE, AWS_ACCESS_KEY_ID"):
        FileSystem(forbidden.url, {}).list()


def test_without_credentials_the_library_says_so(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ClipsError, match="cannot be listed: Unable to locate credentials"):
        FileSystem(bucket.url, {"skip_instance_cache": True}).list()


def test_a_server_that_does_not_answer_is_named(bucket: Bucket) -> None:
    options = AT_ONCE | {"endpoint_url": "http://127.0.0.1:9", "skip_instance_cache": True}
    with pytest.raises(ClipsError, match=r"cannot be listed: Could not connect .*127\.0\.0\.1:9"):
        FileSystem(bucket.url, options).list()


def test_an_option_that_the_library_does_not_know_is_told(bucket: Bucket) -> None:
    with pytest.raises(ClipsError, match=r"cannot be opened with these `options`: .*nonsense"):
        FileSystem(bucket.url, {"nonsense": 1, "skip_instance_cache": True}).list()


def test_a_package_that_is_missing_is_named_with_how_to_install_it() -> None:
    with pytest.raises(ClipsError, match=r"^gs://bucket: .*gcsfs.* pip install 'mifuse\[gs\]'"):
        FileSystem("gs://bucket", {})


@pytest.mark.parametrize(("url", "told"), [("s3://b", None), ("memory://b", None), ("gs://b", "gcsfs")])
def test_what_is_missing_is_known_without_opening_anything(url: str, told: str | None) -> None:
    found = missing_package(url)
    assert (found is None) if told is None else (found is not None and told in found)
