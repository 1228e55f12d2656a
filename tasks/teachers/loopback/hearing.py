"""Listens to each clip once: every clip is asked about several times, and measuring costs more than all the rest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import soundfile

from tasks.storage.audio import SAMPLE_RATE_HZ, read_audio
from tasks.teachers.prosody import Prosody, measure_prosody

MOST_CLIPS = 20_000  # a kilobyte each
MOST_S = 60  # of a clip that are measured; the frames of an hour would not fit into memory


@dataclass(frozen=True)
class Heard:
    """What is kept of a clip."""

    prosody: Prosody
    duration_s: float


@dataclass
class Ear:
    """Audio sha256 → what was heard; the least recently asked is forgotten first."""

    tasks: OrderedDict[str, asyncio.Task[Heard]] = field(default_factory=OrderedDict)

    async def listen(self, sha256: str, audio: bytes) -> Heard:
        """In a worker thread, and once, also when the same clip arrives five times at the same moment.

        Raises:
            ValueError: Not audio that libsndfile can read.
        """
        if sha256 not in self.tasks:
            self.tasks[sha256] = asyncio.create_task(asyncio.to_thread(_hear, audio))
        self.tasks.move_to_end(sha256)
        if len(self.tasks) > MOST_CLIPS:
            self.tasks.popitem(last=False)
        try:
            return await asyncio.shield(self.tasks[sha256])  # one caller who hangs up must not cancel the others
        except ValueError:
            self.tasks.pop(sha256, None)  # a kept exception would grow by a traceback with every caller
            raise


def _hear(audio: bytes) -> Heard:
    try:
        wave = read_audio(audio)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"the request holds no audio that can be decoded: {error}") from None
    return Heard(measure_prosody(wave[: MOST_S * SAMPLE_RATE_HZ]), len(wave) / SAMPLE_RATE_HZ)
