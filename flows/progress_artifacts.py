"""Long work as progress artifacts in Prefect's UI. It is looked at from a thread of its own: nothing waits for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException

from flows.artifacts import artifact_key
from tasks.contracts.progress import Bar, listening

_LAST_S = 5.0  # that the end of a run waits for a slow server
# A server that is gone, or refuses; a client that was closed because the flow has ended meanwhile.
_NOT_TOLD = (httpx.HTTPError, PrefectException, RuntimeError)


@contextmanager
def progress_artifacts(pipeline: str, after_s: float = 10.0, every_s: float = 5.0) -> Iterator[None]:
    """Inside the block each bar that lives for `after_s` becomes an artifact, told anew every `every_s` at most.

    At the end it stands at 100 %, or where it was when the stage failed. What cannot be told to the server is printed
    once per bar and never raised. Bars of other processes are not seen.
    """
    watch, over = _Watch(pipeline, after_s), threading.Event()
    thread = threading.Thread(target=watch.run, args=(over, every_s), name="progress artifacts", daemon=True)
    with listening(watch.add):
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_LAST_S)


@dataclass
class _Followed:
    """One bar and its artifact."""

    bar: Bar
    context: Context  # of the stage that made it: Prefect then shows the artifact with that stage's run
    artifact: UUID | None = None
    last: str = ""


@dataclass
class _Watch:
    pipeline: str
    after_s: float
    followed: list[_Followed] = field(default_factory=list)

    def add(self, bar: Bar) -> None:
        """From the stage's thread."""
        self.followed.append(_Followed(bar, copy_context()))

    def run(self, over: threading.Event, every_s: float) -> None:
        """Until the run is over, and a last time then."""
        while not over.wait(every_s):
            self._look()
        self._look()

    def _look(self) -> None:
        for each in list(self.followed):
            is_open = each.bar.is_open  # asked first: what is told of a closed bar is its end
            is_long = each.artifact is not None or (is_open and each.bar.format_dict["elapsed"] >= self.after_s)
            try:
                if is_long:
                    each.context.run(self._tell, each)
            except _NOT_TOLD as error:
                print(f"  Prefect is no longer told how far this is: {each.bar.what} ({error!r})", flush=True)
                is_open = False
            if not is_open:
                self.followed.remove(each)

    def _tell(self, each: _Followed) -> None:
        told, percent = each.bar.told(), 100.0 * each.bar.share_done
        if each.artifact is None:
            each.artifact = cast(UUID, create_progress_artifact(percent, self._key(each.bar), told))
        elif (state := f"{told} {percent}") != each.last:
            update_progress_artifact(each.artifact, percent, told)
            each.last = state

    def _key(self, bar: Bar) -> str:
        return artifact_key(self.pipeline, re.sub("[^a-z0-9]+", "-", bar.what.lower()).strip("-"))
