"""What tests of several folders need: a Prefect home of their own, audio files, how Hypothesis runs."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

# Prefect reads these when it is imported: its own temporary server, nothing of the person who runs the tests.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="mifuse-tests-prefect-")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "MIFUSE_PIPELINES", "MIFUSE_CACHE"):
    os.environ.pop(name, None)
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)

settings.register_profile("mifuse", deadline=None, max_examples=50)  # no test on speed: the machine may be busy
settings.load_profile("mifuse")

SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS", ".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".opus": "OGG", ".mp3": "MP3"}


def write_samples(path: Path, samples: np.ndarray, rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    """Samples, shape (frames,) or (frames, channels), in the format that the ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = path.suffix.lower()
    soundfile.write(path, samples, rate_hz, format=FORMATS[ending], subtype=subtype or SUBTYPES[ending])
    return path


def write_tone(
    path: Path, duration_s: float = 1.0, rate_hz: int = 16_000, channels: int = 1, hz: float = 440, level: float = 0.3
) -> Path:
    """A sine in all channels, peak `level`."""
    tone = level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return write_samples(path, np.tile(tone[:, None], channels), rate_hz)


@pytest.fixture(scope="session", name="write_samples")
def write_samples_fixture() -> Callable[..., Path]:
    return write_samples


@pytest.fixture(scope="session", name="write_tone")
def write_tone_fixture() -> Callable[..., Path]:
    return write_tone
