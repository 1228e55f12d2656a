"""Label signals: what a clip's frames say where each class's embedding looks (arXiv:2504.05158)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from tasks.encoders.base import Frames
from tasks.networks.attention import CrossAttention, attend, counted


class LabelSignals(nn.Module):
    r"""Keeps `Pooling`: frames, and text where there is some, → one vector of `size` numbers.

    With d = `size`, label embeddings L of shape (C, d), X^0 a modality's frames projected to d, and Y^0 the other
    modality's, or X^0 itself where there is no other::

        X^1 = LN(X^0 + MHA(X^0, Y^0, Y^0))            s = 1/C sum_c Attention(L_c, X^1, X^1)
        X   = sigma(s) * X^0 + s                      x = mean over the frames of X

    The signal s is one vector a clip, so that the mean over frames is taken of X^0 alone. Of audio a and text t::

        h = g * a + (1 - g) * t                       g = sigma(W [a; t] + b)

    A clip without text is one of audio alone: a, its frames attending to each other, is then the vector.

    Args:
        dim: Of the audio's features.
        n_classes: C.
        beside: Layers and features of what lies beside; the first is the text. Empty: audio alone.
        size: d.
        heads: Of MHA.
        attends: Without it X^1 = LN(X^0).
        signals: Without it x is the mean over the frames of X^1, and L is known to APC alone.
    """

    def __init__(
        self,
        dim: int,
        n_classes: int,
        beside: Sequence[tuple[int, int]] = (),
        *,
        size: int = 256,
        heads: int = 8,
        attends: bool = True,
        signals: bool = True,
    ) -> None:
        super().__init__()
        self.size = size
        self.signals = signals
        self.labels_CD = nn.Parameter(torch.randn(n_classes, size))
        self.to_size = nn.Linear(dim, size)
        self.audio = CrossAttention(size, heads, attends=attends)
        self.words = _Words(*beside[0], size) if beside else None
        self.text = CrossAttention(size, heads, attends=attends) if beside else None
        self.to_gate = nn.Linear(2 * size, size) if beside else None

    def forward(self, frames_BTD: torch.Tensor, heard: Frames) -> torch.Tensor:
        """Shape (B, size).

        Raises:
            ValueError: Made for text, and none lies beside the audio; a clip without a transcript has 0 frames there.
        """
        audio_BTD, counts_BT = self.to_size(frames_BTD), counted(frames_BTD.shape[1], heard.n_frames_B)
        if self.words is None:
            return self._guided(audio_BTD, counts_BT, self.audio(audio_BTD, audio_BTD, counts_BT))
        if not heard.beside:
            raise ValueError("the head was made for audio and text, and no text lies beside the audio")
        return self._both(audio_BTD, counts_BT, self.words(heard.beside[0]), heard.beside[0].n_frames_B)

    def _both(
        self, audio_BTD: torch.Tensor, counts_BT: torch.Tensor, text_BMD: torch.Tensor, n_words_B: torch.Tensor
    ) -> torch.Tensor:
        assert self.text is not None
        assert self.to_gate is not None
        has_text_B1 = (n_words_B > 0)[:, None]
        # Of a clip without text the first word, which is of zeros, is heard in its place and left out at the end.
        counts_BM = counted(text_BMD.shape[1], n_words_B.clamp(min=1))
        # Without text the audio looks at itself, in the same pass.
        keys_BKD = torch.cat([audio_BTD, text_BMD], dim=1)
        counts_BK = torch.cat([counts_BT & ~has_text_B1, counts_BM & has_text_B1], dim=1)
        audio_BD = self._guided(audio_BTD, counts_BT, self.audio(audio_BTD, keys_BKD, counts_BK))
        text_BD = self._guided(text_BMD, counts_BM, self.text(text_BMD, audio_BTD, counts_BT))
        gate_BD = self.to_gate(torch.cat([audio_BD, text_BD], dim=-1)).sigmoid()
        return torch.where(has_text_B1, gate_BD * audio_BD + (1 - gate_BD) * text_BD, audio_BD)

    def _guided(self, plain_BTD: torch.Tensor, counts_BT: torch.Tensor, attended_BTD: torch.Tensor) -> torch.Tensor:
        if not self.signals:
            return _mean(attended_BTD, counts_BT)
        # Not len(): it would write the number of clips into a graph for ONNX.
        labels_B1CD, heard_B1TD = self.labels_CD.expand(plain_BTD.shape[0], 1, -1, -1), attended_BTD[:, None]
        signal_BD = attend(labels_B1CD, heard_B1TD, heard_B1TD, counts_BT)[:, 0].mean(dim=1)
        return signal_BD.sigmoid() * _mean(plain_BTD, counts_BT) + signal_BD


class _Words(nn.Module):
    """What a text encoder made of the transcripts, (B, L, M, D) → (B, M, size): a learnt sum of layers, projected.

    Each layer's features are standardised within their vector: there are no statistics of a corpus to keep.
    """

    def __init__(self, n_layers: int, dim: int, size: int) -> None:
        super().__init__()
        self.layer_scores = nn.Parameter(torch.zeros(n_layers))
        self.standard = nn.LayerNorm(dim, elementwise_affine=False)
        self.to_size = nn.Linear(dim, size)

    def forward(self, text: Frames) -> torch.Tensor:
        layers_BLMD = self.standard(text.values_BLTD)
        words_BMD: torch.Tensor = self.to_size(
            torch.einsum("l,blmd->bmd", self.layer_scores.softmax(dim=0), layers_BLMD)
        )
        return words_BMD


def _mean(values_BTD: torch.Tensor, counts_BT: torch.Tensor) -> torch.Tensor:
    """Over the frames that count."""
    weights_BT = counts_BT / counts_BT.sum(dim=1, keepdim=True)
    return torch.einsum("bt,btd->bd", weights_BT.to(values_BTD.dtype), values_BTD)
