"""Whisper's encoder: every window is 30 s long to it whatever it holds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tasks.encoders.device import sent
from tasks.encoders.wave_model import Listen
from tasks.encoders.windows import WINDOW, Piece, cut_windows
from tasks.storage.audio import SAMPLE_RATE_HZ

_SAMPLES_PER_FRAME = 320
N_FRAMES = WINDOW // _SAMPLES_PER_FRAME


class WhisperModel:
    """Does for Whisper what `WaveModel` does. The last layer is heard after the norm that follows it."""

    def __init__(self, encoder: Any, extractor: Any, *, padding_counts: bool) -> None:
        self.module: nn.Module = encoder
        self.config = encoder.config
        self.layers: nn.ModuleList = encoder.layers
        self.last_norm: nn.Module = encoder.layer_norm
        self.n_layers = len(self.layers) + 1
        self.front: list[nn.Module] = [encoder.conv1, encoder.conv2, encoder.embed_positions]
        self.prefix = "encoder."
        self.drops = [self.config.dropout, self.config.attention_dropout, self.config.activation_dropout]
        self._encoder, self._extractor, self._padding_counts = encoder, extractor, padding_counts

    def pieces(self, clip: int, wave: NDArray[np.float32]) -> list[Piece]:
        """Windows of at most 30 s, which cannot be made longer."""
        windows = cut_windows(wave, joined=0)
        return [Piece(clip, n, window, N_FRAMES, self._counted(window)) for n, window in enumerate(windows)]

    def project(self, pieces: Sequence[Piece]) -> list[torch.Tensor]:
        """Spectrum and convolutions, which look at nothing but the window."""
        waves = [piece.wave for piece in pieces]
        with torch.autocast("cpu", enabled=False):  # the extractor computes with torch, and gives NumPy's types
            spectra = self._extractor(waves, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        hidden_PDT = F.gelu(self._encoder.conv1(sent(spectra["input_features"], self._encoder.device)))
        hidden_PTD = F.gelu(self._encoder.conv2(hidden_PDT)).transpose(1, 2)
        return list(hidden_PTD + self._encoder.embed_positions.weight)

    def transform(self, projected: Sequence[torch.Tensor], listen: Listen) -> None:
        """The layers over a batch of windows."""
        hidden_RTD = F.dropout(torch.stack(list(projected)), self._encoder.dropout, training=False)
        listen(hidden_RTD)
        for n, layer in enumerate(self.layers):
            hidden_RTD = layer(hidden_RTD, None)
            if n < len(self.layers) - 1:
                listen(hidden_RTD)
        listen(self.last_norm(hidden_RTD))

    def attention(self) -> AbstractContextManager[Any]:
        """transformers' own."""
        return nullcontext()

    def _counted(self, window: NDArray[np.float32]) -> int:
        return N_FRAMES if self._padding_counts else max(1, round(len(window) / _SAMPLES_PER_FRAME))
