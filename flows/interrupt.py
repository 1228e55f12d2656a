"""Ctrl-C, or a SIGTERM, ends the command within seconds, whatever it is in the middle of."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

EXIT_CODE = 130
# Ctrl-C reaches Prefect's temporary server as well; Prefect then tries for minutes to tell that server how the flow
# ended. Nothing waits for it: answers are stored as they arrive and results are recorded in one step.
_GRACE_S = 5.0
# SIGTERM comes from `kill`, from containers and service managers: calls in flight are to be charged then too.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def prompt_interrupt() -> Iterator[None]:
    """Inside the block an interrupt says what is kept, raises KeyboardInterrupt, and ends the process soon after."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        click.echo("\ninterrupted: what was finished or paid for is kept; the same command goes on.", err=True)
        last_resort = threading.Timer(_GRACE_S, os._exit, [EXIT_CODE])
        last_resort.daemon = True
        last_resort.start()
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
