"""Encoder and head as one network, from a 16 kHz wave to probabilities: what ONNX can hold of a student.

A second writing of what `encoders.pretrained` does for one clip of at most 30 s, without anything that is not a tensor.
Whoever exports compares the two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tasks.encoders.base import Frames
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.loading import load_encoder
from tasks.encoders.windows import WINDOW
from tasks.networks.head import Head

_LEAST_VARIANCE = 1e-7  # transformers' own, of its extractor for waves
_LEAST_POWER = 1e-10  # of Whisper's spectrum
_SAMPLES_PER_FRAME = 320


def wave_classifier(settings: HuggingFaceSettings, head: Head) -> nn.Module:
    """A network from waves (1, samples) to probabilities (1, C), in evaluation mode, float32.

    Raises:
        CheckpointError: As `load_encoder`.
    """
    loaded, extractor = load_encoder(settings.model_copy(update={"attention": "eager"}))
    if loaded.config.model_type == "whisper":
        listener: nn.Module = _Whisper(loaded.get_encoder(), extractor, counted=settings.padding == "counted")
    else:
        listener = _Wave(loaded, extractor)
    return _WaveClassifier(listener, head).eval()


class _WaveClassifier(nn.Module):
    def __init__(self, listener: nn.Module, head: Head) -> None:
        super().__init__()
        self.listener, self.head = listener, head

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        layers_LTD, counts_T = self.listener(wave[0])
        if not self.head.config.hears_frames:  # as the encoder does it: a sum by matrix product, divided by the count
            means_LD = (counts_T[None, None] @ layers_LTD)[:, 0] / counts_T.sum()
            heard = Frames.of_means(means_LD[None])
        else:
            heard = Frames((layers_LTD * counts_T[:, None])[None], counts_T.sum()[None])
        return self.head(heard).softmax(dim=-1)


class _Wave(nn.Module):
    """WavLM, HuBERT, wav2vec 2.0, data2vec-audio."""

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__()
        self.model, self._normalises = model, bool(extractor.do_normalize)

    def forward(self, wave_S: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self._normalises:
            wave_S = (wave_S - wave_S.mean()) / (wave_S.var(correction=0) + _LEAST_VARIANCE).sqrt()
        convolved_1TD = self.model.feature_extractor(wave_S[None]).transpose(1, 2)
        projected = self.model.feature_projection(convolved_1TD)
        hidden_1TD = projected[0] if isinstance(projected, tuple) else projected  # HuBERT's is no tuple
        layers, hooks = _listened(self.model.encoder.layers)
        last_1TD = self.model.encoder(hidden_1TD).last_hidden_state
        for hook in hooks:
            hook.remove()
        if getattr(self.model.config, "do_stable_layer_norm", False):
            layers.append(last_1TD)
        layers_LTD = torch.cat(layers)
        return layers_LTD, torch.ones_like(layers_LTD[0, :, 0])


def _listened(layers: nn.ModuleList) -> tuple[list[torch.Tensor], list[Any]]:
    """What goes into the first layer and what comes out of each; and the hooks that notice it."""
    heard: list[torch.Tensor] = []

    def after(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
        heard.append(out[0] if isinstance(out, tuple) else out)

    hooks: list[Any] = [layers[0].register_forward_pre_hook(lambda module, args: heard.append(args[0]))]
    return heard, hooks + [layer.register_forward_hook(after) for layer in layers]


class _Whisper(nn.Module):
    """Whisper's encoder. Its spectrum is written as convolutions, since ONNX has no complex numbers."""

    waves_F1S: torch.Tensor
    mel_BF: torch.Tensor

    def __init__(self, encoder: Any, extractor: Any, *, counted: bool) -> None:
        super().__init__()
        self.encoder, self._counts_padding, self._hop = encoder, counted, extractor.hop_length
        size = extractor.n_fft
        angles_FS = 2 * torch.pi / size * torch.outer(torch.arange(size // 2 + 1), torch.arange(size)).double()
        window_S = torch.hann_window(size, dtype=torch.float64)
        self.register_buffer("waves_F1S", (torch.cat([angles_FS.cos(), angles_FS.sin()]) * window_S).float()[:, None])
        self.register_buffer("mel_BF", torch.from_numpy(extractor.mel_filters).float().T.contiguous())

    def forward(self, wave_S: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden_1DT = F.gelu(self.encoder.conv1(self._spectrum(wave_S)[None]))
        hidden_1TD = F.gelu(self.encoder.conv2(hidden_1DT)).transpose(1, 2) + self.encoder.embed_positions.weight
        layers = [hidden_1TD]
        for layer in self.encoder.layers:
            layers.append(layer(layers[-1], None))
        layers[-1] = self.encoder.layer_norm(layers[-1])
        return torch.cat(layers), self._counts(wave_S)

    def _spectrum(self, wave_S: torch.Tensor) -> torch.Tensor:
        """Log-mel bands of 30 s, shape (B, T)."""
        silence = torch.zeros(WINDOW)
        window_S = torch.cat([wave_S, silence])[:WINDOW]
        edge = self.waves_F1S.shape[-1] // 2
        padded = F.pad(window_S[None, None], (edge, edge), mode="reflect")
        real_and_imaginary_FT = F.conv1d(padded, self.waves_F1S, stride=self._hop)[0, :, :-1]
        power_FT = sum(part.square() for part in real_and_imaginary_FT.chunk(2))
        mel_BT = (self.mel_BF @ power_FT).clamp(min=_LEAST_POWER).log10()
        return (torch.maximum(mel_BT, mel_BT.max() - 8.0) + 4.0) / 4.0

    def _counts(self, wave_S: torch.Tensor) -> torch.Tensor:
        """1 where a frame holds audio."""
        steps_T = torch.arange(WINDOW // _SAMPLES_PER_FRAME, dtype=torch.float32)
        if self._counts_padding:
            return torch.ones_like(steps_T)
        frames = (torch.ones_like(wave_S).sum() / _SAMPLES_PER_FRAME).round().clamp(min=1)
        return (steps_T < frames).float()
