"""Import this before Prefect: it keeps Prefect to itself on a person's terminal."""

from __future__ import annotations

import os

# Nothing leaves this machine, and the console repeats no traceback of a mistake that we tell in one block. What
# Prefect sends to its own server is untouched: the UI has it all.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
# Its own server takes up to 11 s to start; on a busy machine more than the 20 s after which Prefect gives up.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

# For servers that we start: one that forgets, when it is restarted, which run holds a deployment's only place would
# leave it taken for ever.
LEASES_ON_DISK = "prefect.server.concurrency.lease_storage.filesystem"
