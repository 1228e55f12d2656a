"""A frozen transformers encoder whose time means do not depend on what a clip is batched with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError

from tasks.contracts.errors import CheckpointError
from tasks.encoders.device import pick_device
from tasks.storage.audio import SAMPLE_RATE_HZ

_WHISPER_WINDOW_S = 30
_WHISPER_FRAMES_PER_S = 50
_WHISPER_BATCH = 8


class PretrainedEncoder:
    """Keeps `encoders.base.Encoder`. Layer 0 is what goes into the first transformer layer."""

    def __init__(self, model: str, revision: str | None, device: str) -> None:
        self._device = pick_device(device)
        transformers.utils.logging.disable_progress_bar()  # of loading a file; ours is of the clips
        try:
            self._extractor = transformers.AutoFeatureExtractor.from_pretrained(model, revision=revision)
            # float32: "auto" would load an fp16 checkpoint as fp16 on a CPU too
            loaded = transformers.AutoModel.from_pretrained(
                model, revision=revision, dtype=torch.float32, use_safetensors=True
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"{model}: cannot be loaded as a speech encoder: {error}") from error
        if loaded.main_input_name != "input_values" and loaded.config.model_type != "whisper":
            raise CheckpointError(
                f"{model}: a model of type {loaded.config.model_type} does not hear waves. "
                "Known: WavLM, HuBERT, wav2vec 2.0, data2vec-audio, Whisper."
            )
        self._is_whisper = loaded.config.model_type == "whisper"
        self._model: Any = (loaded.get_encoder() if self._is_whisper else loaded).to(self._device).eval()
        layers = getattr(loaded.config, "encoder_layers", None) or loaded.config.num_hidden_layers
        self.n_layers: int = layers + 1
        self.dim: int = loaded.config.hidden_size

    @torch.inference_mode()
    def encode(self, waves: list[NDArray[np.float32]]) -> torch.Tensor:
        """Per-layer time means, shape (N, L, D), float32, on the CPU."""
        means = self._encode_whisper(waves) if self._is_whisper else [self._encode_one(wave) for wave in waves]
        return torch.stack(means).float().cpu()

    def _encode_one(self, wave: NDArray[np.float32]) -> torch.Tensor:
        # Alone, not padded: with group norm over time, padding shifts the logits of WavLM-base by 0.19.
        inputs = self._extractor(wave, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        hidden = self._model(inputs["input_values"].to(self._device), output_hidden_states=True).hidden_states
        return torch.stack([layer_1FD[0].mean(dim=0) for layer_1FD in hidden])

    def _encode_whisper(self, waves: list[NDArray[np.float32]]) -> list[torch.Tensor]:
        """Every window is 30 s long to Whisper whatever it holds, so batching changes nothing."""
        size = _WHISPER_WINDOW_S * SAMPLE_RATE_HZ
        windows = [(n, wave[at : at + size]) for n, wave in enumerate(waves) for at in range(0, len(wave), size)]
        sums = torch.zeros(len(waves), self.n_layers, self.dim, device=self._device)
        frames_N = torch.zeros(len(waves), device=self._device)
        for at in range(0, len(windows), _WHISPER_BATCH):
            self._add_windows(windows[at : at + _WHISPER_BATCH], sums, frames_N)
        return list(sums / frames_N[:, None, None])

    def _add_windows(
        self, windows: list[tuple[int, NDArray[np.float32]]], sums: torch.Tensor, frames_N: torch.Tensor
    ) -> None:
        inputs = self._extractor([wave for _, wave in windows], sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        hidden = self._model(inputs["input_features"].to(self._device), output_hidden_states=True).hidden_states
        for row, (n, wave) in enumerate(windows):
            frames = max(1, round(len(wave) / SAMPLE_RATE_HZ * _WHISPER_FRAMES_PER_S))
            sums[n] += torch.stack([layer_BFD[row, :frames].sum(dim=0) for layer_BFD in hidden])
            frames_N[n] += frames
