"""Copies of files at a URL: each is fetched once, whatever happens on the way."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import ClipsError
from tasks.storage.copies import Copies
from tasks.storage.file_systems import FileSystem
from tasks.storage.files import sha256_of_file
from tasks.storage.listed_once import listed_once
from tests.s3_server import Bucket


@pytest.fixture
def copies(bucket: Bucket, tmp_path: Path) -> Copies:
    for n in range(3):
        bucket.put(f"calls/{n}.wav", f"content {n}".encode())
    return Copies(f"{bucket.url}/calls", {}, tmp_path)


def fetch(copies: Copies) -> int:
    return copies.fetch(list(copies.listed().values()))


def test_what_is_fetched_is_what_lies_there_and_its_content_is_known(copies: Copies) -> None:
    assert fetch(copies) == 3
    assert (copies.folder / "1.wav").read_bytes() == b"content 1"
    known = copies.contents(list(copies.listed().values()))
    assert known == [sha256_of_file(copies.folder / f"{n}.wav") for n in range(3)]


def test_nothing_is_fetched_twice(copies: Copies, bucket: Bucket) -> None:
    fetch(copies)
    bucket.forget()
    assert fetch(copies) == 0
    assert bucket.asked("GET") == []


def test_what_is_not_fetched_has_a_word_that_changes_with_it(copies: Copies, bucket: Bucket) -> None:
    before = copies.contents(list(copies.listed().values()))
    bucket.put("calls/1.wav", b"content 9")
    after = copies.contents(list(copies.listed().values()))
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    assert all(word.startswith("not fetched: ") for word in after)


def test_what_another_run_fetched_after_our_listing_is_not_forgotten(copies: Copies, bucket: Bucket) -> None:
    with listed_once():
        fetch(copies)
        bucket.put("calls/new.wav", b"new")
        bucket.remove("calls/0.wav")
        other = Copies(copies.url, {}, copies.folder.parents[1])
        files = list(FileSystem(copies.url, {}).list().values())
        other.fetch(files)
        copies.forget()
    assert not [word for word in other.contents(files) if word.startswith("not fetched")]
    assert (copies.folder / "new.wav").read_bytes() == b"new"


def test_what_is_gone_is_forgotten(copies: Copies, bucket: Bucket) -> None:
    fetch(copies)
    bucket.remove("calls/0.wav")
    copies.forget()
    assert sorted(file.name for file in copies.folder.iterdir()) == ["1.wav", "2.wav"]


def test_copies_that_were_removed_are_known_and_can_be_restored(copies: Copies) -> None:
    fetch(copies)
    content = sha256_of_file(copies.folder / "1.wav")
    (copies.folder / "1.wav").unlink()
    assert fetch(copies) == 0
    copies.restore({"1.wav": content})
    assert (copies.folder / "1.wav").read_bytes() == b"content 1"


def test_what_has_changed_meanwhile_is_not_restored(copies: Copies, bucket: Bucket) -> None:
    fetch(copies)
    content = sha256_of_file(copies.folder / "1.wav")
    (copies.folder / "1.wav").unlink()
    bucket.put("calls/1.wav", b"content 9")
    with pytest.raises(ClipsError, match=r'1 file \("1.wav"\) changed since the clips were indexed'):
        copies.restore({"1.wav": content})
    assert not (copies.folder / "1.wav").exists()


def test_what_goes_away_after_the_listing_is_named_and_the_rest_is_kept(copies: Copies, bucket: Bucket) -> None:
    listed = list(copies.listed().values())
    bucket.remove("calls/1.wav")
    with pytest.raises(ClipsError, match=r'1 file \("1.wav"\) went away after the files were listed'):
        copies.fetch(listed)
    assert sorted(path.name for path in copies.folder.iterdir()) == ["0.wav", "2.wav"]
    assert copies.unknown(listed) == [listed[1]]


def test_what_grows_after_the_listing_is_not_taken_for_the_listed(copies: Copies, bucket: Bucket) -> None:
    listed = list(copies.listed().values())
    bucket.put("calls/1.wav", b"longer content 1")
    with pytest.raises(ClipsError, match=r"calls/1.wav: 16 bytes came, 9 were listed: it changes right now"):
        copies.fetch(listed)


@pytest.mark.parametrize("name", ["../x.wav", "a//b.wav", "./x.wav", "a/../x.wav", "0.wav/x.wav"])
def test_a_name_that_would_leave_the_folder_is_refused_and_nothing_is_fetched(
    name: str, copies: Copies, bucket: Bucket
) -> None:
    bucket.put(f"calls/{name}", b"x")
    with pytest.raises(ClipsError, match="1 names cannot be paths of files: "):
        fetch(copies)
    assert not copies.folder.exists()


_PARTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20)


@given(st.sets(st.lists(_PARTS, min_size=1, max_size=3).map("/".join), min_size=1, max_size=5))
def test_any_name_is_copied_as_it_is_or_refused(names: set[str]) -> None:
    import tempfile

    url, fs = f"memory://{uuid.uuid4().hex}", fsspec.filesystem("memory")
    with tempfile.TemporaryDirectory() as cache:
        copies = Copies(url, {}, Path(cache))
        for name in names:
            fs.store.pop(name, None)
            fs.pipe_file(f"{url}/{name}", name.encode())
        try:
            fetch(copies)
        except ClipsError:
            assert not copies.folder.exists()
            return
        found = {p.relative_to(copies.folder).as_posix(): p for p in copies.folder.rglob("*") if p.is_file()}
        assert found.keys() == copies.listed().keys()
        assert all(path.resolve().is_relative_to(Path(cache).resolve()) for path in found.values())


class _StopAfter(logging.Handler):
    """Stops a server at its nth answer to a GET, as a machine that goes down would."""

    def __init__(self, server: object, answers: int) -> None:
        super().__init__()
        self._server, self._left = server, answers

    def emit(self, record: logging.LogRecord) -> None:
        self._left -= "GET /" in record.getMessage() and ".wav" in record.getMessage()
        if self._left == 0:
            threading.Thread(target=self._server.stop).start()  # type: ignore[attr-defined]


@pytest.fixture
def dying(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Asked through a server of its own that goes down at the twentieth object."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for n in range(60):
        bucket.put(f"calls/{n}.wav", f"content {n}".encode())
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    stop = _StopAfter(server, answers=20)
    logging.getLogger("werkzeug").addHandler(stop)
    yield bucket
    logging.getLogger("werkzeug").removeHandler(stop)


def test_a_server_that_goes_down_keeps_what_was_fetched_and_the_next_run_fetches_the_rest(
    dying: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    copies = Copies(f"{dying.url}/calls", {}, tmp_path)
    listed = list(copies.listed().values())
    with pytest.raises(ClipsError, match=r"calls/.*wav: cannot be fetched: "):
        copies.fetch(listed)
    left = len(copies.unknown(listed))
    assert 0 < left < 60  # of those under way at the end any number may have come
    monkeypatch.setenv("AWS_ENDPOINT_URL", dying.endpoint)
    s3fs.S3FileSystem.clear_instance_cache()
    dying.forget()
    assert Copies(copies.url, {}, tmp_path).fetch(listed) == left
    assert len(dying.asked("GET")) == left
