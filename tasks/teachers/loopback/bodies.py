"""Looks into a decoded JSON body that anyone may have sent; what is not as it should be is named."""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

URL_SAFE = bytes.maketrans(b"-_", b"+/")


def get(mapping: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """The value under `someKey` or `some_key`; null counts as absent."""
    value = mapping.get(key)
    if value is None:
        value = mapping.get("".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key))
    return default if value is None else value


def as_mapping(value: object, what: str) -> Mapping[str, Any]:
    """The value, which must be an object."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be an object, got {type(value).__name__}")
    return value


def get_list(mapping: object, key: str, what: str = "each of contents") -> list[Mapping[str, Any]]:
    """The list of objects under a key; [] where there is none."""
    value = get(as_mapping(mapping, what), key, [])
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list, got {type(value).__name__}")
    return [as_mapping(each, f"each of {key}") for each in value]


def get_number(
    mapping: Mapping[str, Any], key: str, default: float, least: float = -math.inf, most: float = math.inf
) -> float:
    """The number under a key, within limits."""
    value = get(mapping, key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{key} must be a number from {least:g} to {most:g}, got {json.dumps(value)}")
    return value


def get_whole(
    mapping: Mapping[str, Any], key: str, least: float = -math.inf, most: float = math.inf, default: int | None = None
) -> int | None:
    """The number under a key without its fraction, or `default`."""
    value = get(mapping, key)
    return default if value is None else int(get_number({key: value}, key, 0, least, most))


def decode_base64(text: object, what: str) -> bytes:
    """Both alphabets, with and without padding: the SDKs differ."""
    try:
        data = str(text).encode("ascii").translate(URL_SAFE)
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
    except ValueError as error:  # binascii.Error is one
        raise ValueError(f"{what} is not base64: {error}") from None


def count_tokens(text: str) -> int:
    """About four characters each, as in English."""
    return math.ceil(len(text) / 4)
