"""What the head hears in these checks: an encoder's frames, each the mean over a fifth of a second.

All frames of all layers would be some gigabytes. A time mean would be one frame, over which attention has no choice.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.transfers.corpora import Corpus, read_corpus
from tasks.encoders.base import Encoder, Frames
from tasks.encoders.features import HeardFeatures
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.storage.files import replacing

SEGMENT_FRAMES = 10  # of 20 ms
_CHUNK_CLIPS = 32  # in a file: what is heard before the command is stopped is not heard again


class Segments:
    """Keeps `Features`: clips of different lengths in memory, each of shape (L, T, D)."""

    def __init__(self, clips: Sequence[torch.Tensor]) -> None:
        self._clips = list(clips)
        self.n_layers, _, self.dim = self._clips[0].shape

    def __len__(self) -> int:
        return len(self._clips)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        clips = [self._clips[row] for row in rows_B]
        counts_B = torch.tensor([clip.shape[1] for clip in clips])
        values_BLTD = torch.zeros(len(clips), self.n_layers, int(counts_B.max()), self.dim)
        for row_LTD, clip in zip(values_BLTD, clips, strict=True):
            row_LTD[:, : clip.shape[1]] = clip
        return Frames(values_BLTD, counts_B)


@lru_cache(maxsize=3)
def segments_of(corpus: Path, encoder: str, cache: Path) -> Segments:
    """Of all of the corpus's clips, in its order; the encoder runs over those that are not stored yet."""
    read, folder = read_corpus(corpus), cache / "label_signals" / "segments"
    built: list[Encoder] = []  # loaded for the first chunk that is missing
    clips: list[torch.Tensor] = []
    for at in range(0, len(read.files), _CHUNK_CLIPS):
        file = folder / f"{corpus.name}-{Path(encoder).name}-{SEGMENT_FRAMES}-{at}.npz"
        if not file.is_file():
            built = built or [HuggingFaceSettings(model=encoder).build("cpu")]
            _write(file, built[0], read, at)
        clips += _read(file, read.sha256s[at : at + _CHUNK_CLIPS])
    return Segments(clips)


def _write(file: Path, encoder: Encoder, corpus: Corpus, at: int) -> None:
    """Half precision: what is lost of a value is a thousandth of it."""
    files = corpus.files[at : at + _CHUNK_CLIPS]
    print(f"{corpus.name}: frames from clip {at} of {len(corpus.files)} on", file=sys.stderr, flush=True)
    heard = HeardFeatures(files, encoder, gradients=False)
    kept: dict[str, Any] = {}
    for n, clip in enumerate(files):  # one after the other: frames of many clips together do not fit into memory
        values_LTD = heard.rows([n]).values_BLTD[0].numpy()
        kept[clip.sha256] = means_over(values_LTD, SEGMENT_FRAMES).astype(np.float16)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary, temporary.open("wb") as out:
        np.savez(out, **kept)


def _read(file: Path, sha256s: Sequence[str]) -> list[torch.Tensor]:
    with np.load(file) as stored:
        if missing := [sha256 for sha256 in sha256s if sha256 not in stored]:
            raise ValueError(f"{file}: {len(missing)} clips of the corpus are not in it. Delete it to hear them again.")
        return [torch.from_numpy(stored[sha256]).float() for sha256 in sha256s]


def means_over(values_LTD: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Means over `size` frames each; the last may be over fewer.

    >>> means_over(np.array([[[1.0], [3.0], [5.0]]], dtype=np.float32), 2)[0, :, 0].tolist()
    [2.0, 5.0]
    """
    starts = np.arange(0, values_LTD.shape[1], size)
    counts = np.diff(np.append(starts, values_LTD.shape[1]))
    means_LTD = np.add.reduceat(values_LTD, starts, axis=1) / counts[None, :, None]
    return means_LTD.astype(np.float32)
