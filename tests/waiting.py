"""Waiting for what another thread or process does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_WITHIN_S = 150


def wait_for(look: Callable[[], T], process: subprocess.Popen | None = None, every_s: float = 0.05) -> T:
    """What a look finds, once it finds something; not if the process ends before.

    Who looks all the time takes the processor from those that it waits for: shorter times are for what is to be cut off
    in the middle.
    """
    deadline = time.monotonic() + _WITHIN_S
    while not (seen := look()):
        assert process is None or process.poll() is None, f"it ended with {process.returncode} before"
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(every_s)
    return seen
