"""CLAP's audio half at work: repeats, CLAP's own cut and padding, and nothing left to chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames, Live
from tasks.encoders.clap_loading import load_clap, load_extractor
from tasks.encoders.device import pick_device
from tasks.storage.audio import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from tasks.encoders.clap import ClapSettings

_AT_ONCE = 16  # each takes the room of CLAP's whole window, however short the clip is


class ClapEncoder:
    """Keeps `encoders.base.Encoder`: one layer, one frame, as the model compares it with texts.

    CLAP hears a window of fixed length, 10 s as a rule. A shorter clip is repeated and padded by its own feature
    extractor. Of a longer one the extractor takes a crop at random; here it is always the middle of all possible crops,
    and for models with feature fusion the middle ones of the front, the middle and the back.
    """

    n_layers = 1

    def __init__(self, settings: ClapSettings, device: str) -> None:
        self._device, self._repeats = pick_device(device), settings.audio_repeats
        self._extractor = load_extractor(settings)
        self._extractor._random_mel_fusion = _middle_of_each_third
        loaded = load_clap(settings)
        self.dim: int = loaded.config.projection_dim
        self._model = loaded.to(self._device)

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        """Keeps `Encoder.hear`; there is one frame with or without `frames`.

        Raises:
            CheckpointError: `live`: CLAP's own dropouts are not used here.
        """
        if live is not None:
            raise CheckpointError("CLAP is heard without dropout. Set `dropout: head`.")
        if not waves:
            return Frames.of_means(torch.zeros(0, 1, self.dim, device=self._device))
        parts = [self._heard(waves[at : at + _AT_ONCE]) for at in range(0, len(waves), _AT_ONCE)]
        return Frames.of_means(torch.cat(parts)[:, None])

    def _heard(self, waves: list[NDArray[np.float32]]) -> torch.Tensor:
        # One by one: of several the extractor draws one by lot that counts as longer than the window.
        inputs = [self._input(wave) for wave in waves]
        together = {name: torch.cat([each[name] for each in inputs]).to(self._device) for name in inputs[0]}
        embedded: torch.Tensor = self._model.get_audio_features(**together).pooler_output
        return embedded

    def _input(self, wave: NDArray[np.float32]) -> dict[str, torch.Tensor]:
        rate_hz = self._extractor.sampling_rate
        resampled = soxr.resample(wave, SAMPLE_RATE_HZ, rate_hz)
        given = self._cropped(np.tile(resampled, self._repeats))
        return dict(self._extractor([given], sampling_rate=rate_hz, return_tensors="pt"))

    def _cropped(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        window = self._extractor.nb_max_samples
        if self._extractor.truncation == "fusion" or len(wave) <= window:
            return wave  # fusion hears the whole of it
        start = (len(wave) - window) // 2
        return wave[start : start + window]


def _middle_of_each_third(mel_TF: NDArray[Any], total_frames: int, chunk_frames: int) -> NDArray[np.float32]:
    """The whole spectrogram shrunk to a window, then a window of its front, of its middle and of its back.

    Where the feature extractor would choose each of the three by lot.
    """
    thirds = np.array_split(np.arange(total_frames - chunk_frames + 1), 3)
    starts = [int(third[len(third) // 2]) if len(third) else 0 for third in thirds]
    whole = torch.from_numpy(np.asarray(mel_TF, np.float32))[None, None]
    size = [chunk_frames, mel_TF.shape[1]]
    shrunk = torch.nn.functional.interpolate(whole, size=size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return np.stack([shrunk, *(mel_TF[start : start + chunk_frames] for start in starts)]).astype(np.float32)
