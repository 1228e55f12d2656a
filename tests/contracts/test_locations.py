"""A setting names a path or a URL; what is wrong with a URL is said without looking at any network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.storage.clips import ClipsSettings


def folder(given: Any, **options: Any) -> Path | str:
    return ClipsSettings.model_validate({"folder": given, **options}, context={"folder": Path("/here")}).folder


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("calls", Path("/here/calls")),
        ("/data/calls", Path("/data/calls")),
        (Path("calls"), Path("/here/calls")),
        ("file:///data/calls", Path("/data/calls")),
        ("s3://bucket/my calls/", "s3://bucket/my calls"),
        ("gs://bucket", "gs://bucket"),
        ("sftp://me@host/calls", "sftp://me@host/calls"),
    ],
    ids=str,
)
def test_a_text_with_a_protocol_is_a_url_and_all_else_a_path(given: Any, meant: Path | str) -> None:
    assert folder(given) == meant


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("s33://bucket", 'unknown protocol "s33". Did you mean "s3"'),
        ("nonsense://bucket", 'unknown protocol "nonsense". fsspec opens s3, gs'),
        ("simplecache::s3://bucket", "a chain of URLs"),
        ("zip://a.zip", 'unknown protocol "zip"'),
        ("s3://", '"s3://" names no bucket or folder'),
        ("s3://b/x::file://y", "a chain of URLs"),
        ("ftp://me:word@host/calls", "a password does not belong into a URL"),
        (5, "must be a path or a URL, got 5"),
    ],
    ids=str,
)
def test_what_is_no_place_is_refused(given: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        folder(given)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as error:
        folder("ftp://me:word@host/calls")
    assert "word@" not in error.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "options",
    [
        {"secret": "x"},
        {"key": "x"},
        {"token": {"private_key": "x"}},
        {"client_kwargs": {"aws_secret_access_key": "x"}},
        {"account_key": "x"},
        {"password": "x"},
        {"accessKey": "x"},
        {"auth": ["me", "x"]},
        {"headers": {"Authorization": "Bearer x"}},
        {"client_kwargs": {"headers": {"X-Api-Key": "x"}}},
    ],
    ids=str,
)
def test_a_secret_in_the_options_is_refused_and_its_place_named(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"a secret does not belong into pipelines\.yaml"):
        folder("s3://bucket", options=options)


@pytest.mark.parametrize(
    "options",
    [
        {"anon": True},
        {"profile": "calls"},
        {"endpoint_url": "http://127.0.0.1:9000"},
        {"token": "anon"},
        {"key_filename": "/home/me/.ssh/id"},
        {"client_kwargs": {"region_name": "eu-central-1"}},
    ],
    ids=str,
)
def test_options_without_secrets_are_taken(options: dict[str, Any]) -> None:
    assert ClipsSettings(folder="s3://bucket", options=options).options == options


def test_neither_the_url_nor_the_options_are_part_of_the_fingerprint() -> None:
    there = ClipsSettings(folder="s3://bucket", manifest="s3://bucket/m.csv", options={"anon": True})
    assert there.fingerprint() == ClipsSettings(folder="calls").fingerprint()
