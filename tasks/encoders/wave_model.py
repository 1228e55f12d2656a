"""WavLM, HuBERT, wav2vec 2.0 and data2vec-audio: what a batch may share, and what each clip must go through alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pad_sequence

from tasks.encoders.device import sent
from tasks.encoders.wavlm_attention import FusedAttention
from tasks.encoders.windows import Piece, cut_windows
from tasks.storage.audio import SAMPLE_RATE_HZ

Listen = Callable[[torch.Tensor], None]


class WaveModel:
    """One of the families that hear the wave itself; `encoders.pretrained` speaks to them and to Whisper alike."""

    def __init__(self, model: Any, extractor: Any, *, eager: bool) -> None:
        self.module: nn.Module = model
        self.config = model.config
        self.layers: nn.ModuleList = model.encoder.layers
        # A norm after the last layer instead of one before the first: what comes out is one more layer to hear.
        self.last_norm: nn.Module | None = model.encoder.layer_norm if _is_stable(model.config) else None
        self.n_layers = len(self.layers) + 1 + (self.last_norm is not None)
        self.front: list[nn.Module] = [model.feature_extractor]
        self.prefix = ""  # of the weights' names in a file that AutoModel reads
        self.drops = [model.config.hidden_dropout, model.config.attention_dropout, model.config.activation_dropout]
        self.drops.append(model.config.feat_proj_dropout)
        self._model, self._extractor, self._fused = model, extractor, model.config.model_type == "wavlm" and not eager

    def pieces(self, clip: int, wave: NDArray[np.float32]) -> list[Piece]:
        """The clip is normalised as a whole, then cut."""
        heard = self._extractor(wave, sampling_rate=SAMPLE_RATE_HZ, return_tensors="np")["input_values"][0]
        windows = [self._long_enough(window) for window in cut_windows(heard.astype(np.float32, copy=False))]
        frames = [self._n_frames(len(window)) for window in windows]
        return [Piece(clip, n, window, frames[n], frames[n]) for n, window in enumerate(windows)]

    def project(self, pieces: Sequence[Piece]) -> list[torch.Tensor]:
        """Convolutions and projection, each piece alone.

        With group norm over time, padding shifts the logits of WavLM-base by 0.19.
        """
        return [self._project(torch.from_numpy(piece.wave)) for piece in pieces]

    def transform(self, projected: Sequence[torch.Tensor], listen: Listen) -> None:
        """The transformer over a batch, padded and masked."""
        lengths_R = torch.tensor([len(row) for row in projected])
        hidden_RTD = pad_sequence(list(projected), batch_first=True)
        hidden_RTD = F.dropout(hidden_RTD, self._model.feature_projection.dropout.p, training=False)
        if bool((lengths_R == lengths_R[0]).all()):
            with _heard(self.layers, listen):
                last = self._model.encoder(hidden_RTD).last_hidden_state
        else:
            real_RT = (torch.arange(hidden_RTD.shape[1]) < lengths_R[:, None]).to(hidden_RTD.device)
            with _heard(self.layers, listen), _silent_padding(self._model.encoder.pos_conv_embed, real_RT):
                last = self._model.encoder(hidden_RTD, attention_mask=real_RT).last_hidden_state
        if self.last_norm is not None:
            listen(last)

    def attention(self) -> AbstractContextManager[Any]:
        """In which passes without dropout are made."""
        return FusedAttention() if self._fused else nullcontext()

    def _project(self, wave_S: torch.Tensor) -> torch.Tensor:
        convolved_1CT = self._model.feature_extractor(sent(wave_S[None], self._model.device))
        projected = self._model.feature_projection(convolved_1CT.transpose(1, 2))
        return (projected[0] if isinstance(projected, tuple) else projected)[0]  # HuBERT's is no tuple

    def _n_frames(self, samples: int) -> int:
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples

    def _long_enough(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """Zeros behind a wave from which the convolutions would not make one frame (25 ms)."""
        least = 1
        for kernel, stride in reversed(list(zip(self.config.conv_kernel, self.config.conv_stride, strict=True))):
            least = (least - 1) * stride + kernel
        return np.pad(wave, (0, max(0, least - len(wave))))


def _is_stable(config: Any) -> bool:
    return bool(getattr(config, "do_stable_layer_norm", False))


@contextmanager
def _heard(layers: nn.ModuleList, listen: Listen) -> Iterator[None]:
    """`listen` gets what goes into the first layer and what comes out of each."""

    def after(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
        listen(out[0] if isinstance(out, tuple) else out)

    hooks = [layers[0].register_forward_pre_hook(lambda module, args: listen(args[0]))]
    hooks += [layer.register_forward_hook(after) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _silent_padding(positions: nn.Module, real_RT: torch.Tensor) -> Iterator[None]:
    """Zeros in the padding before each convolution over time.

    Where there are several of them, or a batch norm before (HuBERT), the padding is no longer zero by then.
    """

    real_R1T = real_RT[:, None].float()  # a product with truth values takes much longer

    def silence(module: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        return (args[0] * real_R1T,)

    hooks = [part.register_forward_pre_hook(silence) for part in positions.modules() if isinstance(part, nn.Conv1d)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
