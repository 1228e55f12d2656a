"""A folder of real clips, and a real server that is asked over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.loopback.server import LoopbackServer
from tests.query_lalm.adaptive import SURE, UNDECIDED, write_classifier
from tests.query_lalm.asking import Workplace, gemini, place_with, serving


@pytest.fixture
def workplace(tmp_path: Path, write_tone: Callable[..., Path]) -> Workplace:
    """Three clips."""
    return place_with(tmp_path, write_tone, clips=3)


@pytest.fixture
def one_clip(tmp_path: Path, write_tone: Callable[..., Path]) -> Workplace:
    """For questions that come in the order of their draws."""
    return place_with(tmp_path, write_tone, clips=1)


@pytest.fixture
def place(tmp_path: Path, write_tone: Callable[..., Path]) -> Workplace:
    """Eight clips, and the classifier's draws of them: half sure, half undecided."""
    place = place_with(tmp_path, write_tone, clips=8)
    write_classifier(place, {f"clip{n}": SURE if n % 2 else UNDECIDED for n in range(8)})
    return place


@pytest.fixture(name="gemini")
def gemini_fixture() -> Callable[..., GeminiSettings]:
    return gemini


@pytest.fixture
def serve() -> Iterator[Callable[..., LoopbackServer]]:
    """Starts a server that misbehaves as told, and sends all kinds of teachers to it from then on."""
    with ExitStack() as running:
        yield lambda faults=None, **options: running.enter_context(serving(faults, **options))


@pytest.fixture
def server(serve: Callable[..., LoopbackServer]) -> LoopbackServer:
    """One that does not."""
    return serve()
