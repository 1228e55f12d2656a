"""What a server said, fit for a message: one line, not too long, and without the key."""

from __future__ import annotations

import re

_AT_MOST = 300  # a proxy's error can be a whole page
_KEY_START = 6  # servers repeat a wrong key with its middle starred out


def told(text: str, key: str | None = None) -> str:
    """A server's words without the key that it was sent, nor parts of one.

    >>> told("401 Incorrect API key provided: sk-ab12******wxyz.  Find yours at\\n https://example.org", "sk-ab12cdef")
    '401 Incorrect API key provided: [key] Find yours at https://example.org'
    """
    line = " ".join(_hidden(word, key) for word in text.split())
    return line.rstrip(".") if len(line) <= _AT_MOST else f"{line[:_AT_MOST]}…"


def _hidden(word: str, key: str | None) -> str:
    is_of_a_key = (key and key[:_KEY_START] in word) or re.search(r"\*{3}|\bsk-\w", word)
    return "[key]" if is_of_a_key else word
