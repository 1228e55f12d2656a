"""A Prefect server that stops answering in the middle of a run is told in one block, as any other end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.settings import get_current_settings

from tasks.contracts.errors import MifuseError, ProviderError


@contextmanager
def told_when_prefect_is_gone() -> Iterator[None]:
    """Raises the mistake that Prefect could not report to its server, if there was one; else ProviderError."""
    try:
        yield
    except httpx.HTTPError as error:
        url = get_current_settings().api.url or "that this run had started"
        raise _mistake_before(error) or ProviderError(
            f"the Prefect server {url} stopped answering in the middle of the run ({error!r}). What was finished or "
            "paid for is kept; when the server is back, the same command goes on."
        ) from error


def _mistake_before(error: BaseException) -> MifuseError | None:
    """Prefect tells its server how a flow ended while it handles what ended it."""
    before = error.__context__
    while before is not None and not isinstance(before, MifuseError):
        before = before.__context__
    return before
