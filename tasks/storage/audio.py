"""Reads audio of any rate and channel count as 16 kHz mono, and says what is wrong with a file."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
MIME_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp3": "audio/mp3",
}

_BLOCK_FRAMES = 1 << 18
_SILENCE = 1e-6
_SILENCE_DBFS = -120.0
_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
_MISSING_S = 0.25  # an MP3's frame count may be off by its encoder's delay


@dataclass(frozen=True)
class AudioFacts:
    """What a file's samples say about it. `problem` is None when it could be read to its end."""

    duration_s: float
    sample_rate_hz: int
    channels: int
    rms_dbfs: float
    problem: str | None


def read_audio(source: Path | bytes) -> NDArray[np.float32]:
    """16 kHz mono samples in [-1, 1], shape (samples,). Channels are averaged.

    Raises:
        soundfile.LibsndfileError: Not audio that libsndfile can read.
        ValueError: The file holds no sample.
    """
    samples, rate_hz = soundfile.read(_open(source), dtype="float32", always_2d=True)
    if not len(samples):
        raise ValueError("the file holds no sample")
    return resample(samples.mean(axis=1), rate_hz)


def as_flac(samples: NDArray[np.float32]) -> bytes:
    """16 kHz mono samples as a FLAC file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def resample(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Mono samples at `rate_hz` → the same sound at 16 kHz."""
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    return soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ).astype(np.float32)


def _open(source: Path | bytes) -> io.BytesIO | str:
    return io.BytesIO(source) if isinstance(source, bytes) else str(source)


def measure_audio(path: Path) -> AudioFacts:
    """Reads the file to its end in blocks, so that hours of audio need no memory, and notes what is wrong with it."""
    try:
        if not path.stat().st_size:
            return AudioFacts(0.0, 0, 0, _SILENCE_DBFS, "empty: the file holds no byte")
        with soundfile.SoundFile(str(path)) as file:
            return _measured(file, path)
    except (soundfile.LibsndfileError, OSError) as error:
        return AudioFacts(0.0, 0, 0, _SILENCE_DBFS, f"unreadable: {_short(error)}")


def _measured(file: soundfile.SoundFile, path: Path) -> AudioFacts:
    promised, frames, energy = file.frames, 0, 0.0
    while len(block := file.read(_BLOCK_FRAMES, dtype="float64", always_2d=True)):
        frames += len(block)
        energy += float(np.square(block).sum())
    rms = np.sqrt(energy / max(1, frames * file.channels))
    facts = AudioFacts(
        duration_s=frames / file.samplerate,
        sample_rate_hz=file.samplerate,
        channels=file.channels,
        rms_dbfs=round(float(20 * np.log10(max(rms, _SILENCE))), 2) if np.isfinite(rms) else _SILENCE_DBFS,
        problem=None,
    )
    return replace(facts, problem=_problem(frames, promised, rms, file.samplerate, path))


def _problem(frames: int, promised: int, rms: float, rate_hz: int, path: Path) -> str | None:
    if not frames:
        return "empty: the file holds no sample"
    if not np.isfinite(rms):
        return "not finite: the file holds NaN or infinite samples"
    missing_s = max((promised - frames) / rate_hz, _missing_share(path) * frames / rate_hz)
    if missing_s > _MISSING_S or _ends_inside_an_ogg_page(path):
        return f"truncated: {frames / rate_hz:.2f} s could be read, the header promises more"
    return None


def _ends_inside_an_ogg_page(path: Path) -> bool:
    """Is the last page of an Ogg file cut off? libsndfile then says that the stream was never longer."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(max(0, path.stat().st_size - _OGG_PAGE_BYTES))
        last = file.read()
    last = last[last.rfind(b"OggS") :]
    return len(last) < 27 + last[26] + sum(last[27 : 27 + last[26]]) if len(last) > 26 else True


def _missing_share(path: Path) -> float:
    """How much of a WAV's data chunk lies past the end of the file, relative to what is there; libsndfile hides that.

    0 where it cannot be told.
    """
    with path.open("rb") as file:
        if file.read(4) != b"RIFF" or file.seek(12) != 12:
            return 0
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                is_known = 0 < size < 0x7FFFF000  # a writer to a pipe cannot know the size: ffmpeg and sox put these
                there = path.stat().st_size - file.tell()
                return max(0.0, size / there - 1) if is_known and there > 0 else 0.0
            file.seek(size + size % 2, io.SEEK_CUR)
    return 0


def _short(error: Exception) -> str:
    text = str(error).split(": ", 1)[-1].rstrip(".")
    return "Format not recognised" if text.startswith("File does not exist") else text
