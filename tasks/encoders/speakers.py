"""What tells speakers apart, taken away: each clip's features beside those of its speaker's other clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.encoders.base import Frames
from tasks.encoders.features import Features

if TYPE_CHECKING:
    import torch

_CHUNK_CLIPS = 64  # where frames are kept, not means, each clip is some megabytes
_KAPPA = 10  # clips' worth of belief that a speaker sounds like all others; a speaker with one clip keeps 10/11


class SpeakerCentred:
    r"""The same clips, each less what its speaker's time means have in common::

        x'_n = x_n - k_s / (k_s + 10) (mean_{m: s(m) = s(n)} x_m - mean_m x_m)        k_s clips of the speaker s(n)

    Subtracting a speaker's mean is the common normalisation in emotion recognition (Busso et al. 2011,
    doi:10.1109/T-AFFC.2011.1); ours is shrunk, since the mean of few clips is mostly their emotion. Keeps `Features`.

    Args:
        whole: The clips; read once, a chunk at a time.
        speakers: Who speaks, in the order of the clips; a clip whose speaker is None stays as it is.

    Raises:
        ValueError: Another number of speakers than of clips.
    """

    def __init__(self, whole: Features, speakers: Sequence[str | None]) -> None:
        if len(speakers) != len(whole):
            told = f"{len(speakers)} speakers for {len(whole)} clips"
            raise ValueError(f"{told}: expected one per clip, None where not known")
        self._whole = whole
        self.n_layers, self.dim = whole.n_layers, whole.dim
        named = sorted({name for name in speakers if name is not None})
        numbers: dict[str | None, int] = {name: n for n, name in enumerate(named, start=1)} | {None: 0}
        self._who_N = np.array([numbers[name] for name in speakers], dtype=np.int64)
        self._shift_GLD = self._shifts(len(named) + 1)

    def __len__(self) -> int:
        return len(self._whole)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        import torch

        heard = self._whole.rows(rows_B)
        who_B = self._who_N[np.asarray(rows_B, dtype=np.int64)]
        shift_BLD = torch.from_numpy(self._shift_GLD[who_B]).to(heard.values_BLTD)
        steps_T = torch.arange(heard.values_BLTD.shape[2], device=heard.values_BLTD.device)
        counts_BT = (steps_T < heard.n_frames_B[:, None]).to(heard.values_BLTD)  # what follows the last frame stays 0
        return Frames(heard.values_BLTD - shift_BLD[:, :, None] * counts_BT[:, None, :, None], heard.n_frames_B)

    def _shifts(self, groups: int) -> NDArray[np.float32]:
        """What is taken away from each speaker's clips; number 0 is who is not known."""
        count_G = np.bincount(self._who_N, minlength=groups).astype(np.float64)
        sum_GLD = np.zeros((groups, self.n_layers, self.dim))
        for at, means_BLD in _chunks(self._whole):
            np.add.at(sum_GLD, self._who_N[at], means_BLD.double().cpu().numpy())
        mean_LD = sum_GLD.sum(axis=0) / max(count_G.sum(), 1)
        shift_GLD = (sum_GLD - count_G[:, None, None] * mean_LD) / (count_G + _KAPPA)[:, None, None]
        shift_GLD[0] = 0
        shifts_GLD: NDArray[np.float32] = shift_GLD.astype(np.float32)
        return shifts_GLD


def _chunks(features: Features) -> Iterator[tuple[slice, torch.Tensor]]:
    for at in range(0, len(features), _CHUNK_CLIPS):
        rows = range(at, min(at + _CHUNK_CLIPS, len(features)))
        yield slice(rows.start, rows.stop), features.rows(rows).means_BLD().detach()
