"""Recordings of noise, and an encoder with little memory."""

from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from tasks.encoders.base import Encoder, Frames, Live
from tasks.encoders.features import AudioFile
from tasks.storage.files import sha256_of_file


def record(path: Path, duration_s: float) -> AudioFile:
    """So much noise, another for each length of the name."""
    noise = np.random.default_rng(len(path.name)).normal(scale=0.1, size=int(16_000 * duration_s))
    soundfile.write(path, noise, 16_000)
    return AudioFile(sha256_of_file(path), path, duration_s)


class Cramped:
    """Runs out of memory above so many seconds of audio, counted as rows times the longest clip.

    Its own features are the clip's mean and, with draws, a number that only clip and draw decide.
    """

    def __init__(self, room_s: float, encoder: Encoder | None = None) -> None:
        self.n_layers, self.dim = (encoder.n_layers, encoder.dim) if encoder else (1, 2)
        self.refused = 0
        self._room_s, self._encoder = room_s, encoder

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        draws = live.draws if live else (0,)
        if len(waves) * len(draws) * max(len(wave) for wave in waves) / 16_000 > self._room_s + 1e-9:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        if self._encoder:
            return self._encoder.hear(waves, frames=frames, live=live)
        keys = live.keys_N.tolist() if live else [0] * len(waves)
        rows = [[wave.mean(), key % 1000 + draw] for wave, key in zip(waves, keys, strict=True) for draw in draws]
        return Frames.of_means(torch.tensor(rows, dtype=torch.float32)[:, None])
