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

FloatArray = NDArray[np.float64]

_CHUNK_CLIPS = 64  # where frames are kept, not means, each clip is some megabytes
_KAPPA = 10  # clips' worth of belief that a speaker sounds like all others; a speaker with one clip keeps 10/11
_NO_MASS = 1e-9  # of clips: a class that no label names explains nothing


class SpeakerCentred:
    r"""The same clips, each less what its speaker's time means have in common, whatever the clips are labelled::

        x'_n = x_n - k_s / (k_s + 10) mean_{m: s(m) = s(n)} (x_m - sum_c q_mc mu_c)        k_s clips of speaker s(n)
        mu_c = sum_m q_mc x_m / sum_m q_mc

    Subtracting a speaker's mean is the common normalisation in emotion recognition (Busso et al. 2011,
    doi:10.1109/T-AFFC.2011.1). It takes the emotion away with the voice where a speaker shows but one, so we subtract
    what the labels do not explain, as the effects of a two-way layout are told apart; and shrink it, as the mean of
    few clips is hardly known. Keeps `Features`.

    Args:
        whole: The clips; read once, a chunk at a time.
        speakers: Who speaks, in the order of the clips; a clip whose speaker is None stays as it is.
        labels_NC: Soft labels q, in the same order; a clip of NaN counts as the mean clip. None: one class.

    Raises:
        ValueError: Another number of speakers or labels than of clips.
    """

    def __init__(
        self, whole: Features, speakers: Sequence[str | None], labels_NC: NDArray[np.floating] | None = None
    ) -> None:
        labels_NC = np.ones((len(whole), 1)) if labels_NC is None else labels_NC
        if not len(speakers) == len(labels_NC) == len(whole):
            told = f"{len(speakers)} speakers and {len(labels_NC)} labels for {len(whole)} clips"
            raise ValueError(f"{told}: expected one per clip, None where not known")
        self._whole = whole
        self.n_layers, self.dim = whole.n_layers, whole.dim
        named = sorted({name for name in speakers if name is not None})
        numbers: dict[str | None, int] = {name: n for n, name in enumerate(named, start=1)} | {None: 0}
        self._who_N = np.array([numbers[name] for name in speakers], dtype=np.int64)
        self._shift_GLD = self._shifts(_known(labels_NC), len(named) + 1)

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
        shifted_BLTD = heard.values_BLTD - shift_BLD[:, :, None] * counts_BT[:, None, :, None]
        return Frames(shifted_BLTD, heard.n_frames_B, heard.beside)

    def _shifts(self, labels_NC: FloatArray, groups: int) -> NDArray[np.float32]:
        """What is taken away from each speaker's clips; number 0 is who is not known."""
        count_G = np.bincount(self._who_N, minlength=groups).astype(np.float64)
        labels_GC, sum_GLD = np.zeros((groups, labels_NC.shape[1])), np.zeros((groups, self.n_layers, self.dim))
        np.add.at(labels_GC, self._who_N, labels_NC)
        sum_CLD = np.zeros((labels_NC.shape[1], self.n_layers, self.dim))
        for at, means_BLD in _chunks(self._whole):
            means = means_BLD.double().cpu().numpy()
            np.add.at(sum_GLD, self._who_N[at], means)
            sum_CLD += np.einsum("bc,bld->cld", labels_NC[at], means)
        mu_CLD = sum_CLD / np.maximum(labels_GC.sum(axis=0), _NO_MASS)[:, None, None]
        unexplained_GLD = sum_GLD - np.einsum("gc,cld->gld", labels_GC, mu_CLD)
        shift_GLD = unexplained_GLD / (count_G + _KAPPA)[:, None, None]
        shift_GLD[0] = 0
        shifts_GLD: NDArray[np.float32] = shift_GLD.astype(np.float32)
        return shifts_GLD


def _known(labels_NC: NDArray[np.floating]) -> FloatArray:
    known_NC = labels_NC.astype(np.float64)
    unknown_N = np.isnan(known_NC).any(axis=1)
    if unknown_N.any() and not unknown_N.all():
        known_NC[unknown_N] = known_NC[~unknown_N].mean(axis=0)
    return np.ones((len(known_NC), 1)) if unknown_N.all() else known_NC


def _chunks(features: Features) -> Iterator[tuple[slice, torch.Tensor]]:
    for at in range(0, len(features), _CHUNK_CLIPS):
        rows = range(at, min(at + _CHUNK_CLIPS, len(features)))
        yield slice(rows.start, rows.stop), features.rows(rows).means_BLD().detach()
