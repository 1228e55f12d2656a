"""Loaded by each worker of a Dask cluster on this machine when it starts; see `preload` in Dask's documentation."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Ctrl-C reaches all processes of the terminal: the command ends its workers itself, each without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
