"""One command sees one state of the world outside: clips are looked at once, however many stages ask.

Recordings that arrive while a run is at work are the next run's: else it would find its own index stale in the middle,
after hours of asking. And a look at a hundred thousand clips takes a second, which each stage would spend three times.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_Listing = TypeVar("_Listing")
_LISTINGS: ContextVar[dict[Hashable, Any] | None] = ContextVar("listings", default=None)


@contextmanager
def listed_once() -> Iterator[None]:
    """Inside the block each listing is made once; a block within a block belongs to it."""
    if _LISTINGS.get() is not None:
        yield
        return
    token = _LISTINGS.set({})
    try:
        yield
    finally:
        _LISTINGS.reset(token)


def listing_of(what: Hashable, make: Callable[[], _Listing]) -> _Listing:
    """What `make` gave the first time inside `listed_once`; outside of it, what it gives now.

    >>> with listed_once():
    ...     listing_of("s3://a", lambda: [1]) is listing_of("s3://a", lambda: [1])
    True
    """
    listings = _LISTINGS.get()
    if listings is None:
        return make()
    if what not in listings:
        listings[what] = make()
    listing: _Listing = listings[what]
    return listing
