"""A transformers encoder whose features do not depend on what a clip is batched with, with or without dropout."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from tasks.encoders.base import Frames, Live
from tasks.encoders.device import autocast, pick_device
from tasks.encoders.heard import Heard, join_frames, join_means
from tasks.encoders.live_dropout import live_dropout
from tasks.encoders.loading import load_encoder
from tasks.encoders.recomputing import Again, recomputed
from tasks.encoders.thawing import thaw
from tasks.encoders.trainable import Trainable
from tasks.encoders.wave_model import WaveModel
from tasks.encoders.whisper_model import WhisperModel
from tasks.encoders.windows import Piece, Row, passes_of
from tasks.maths.masks import draw_keys

if TYPE_CHECKING:
    from tasks.encoders.huggingface import HuggingFaceSettings


class PretrainedEncoder:
    """Keeps `encoders.base.Encoder`. Layer 0 is what goes into the first transformer layer.

    The layers are transformers' `hidden_states`, and the normed output of the last one where that is not among them.
    """

    def __init__(self, settings: HuggingFaceSettings, device: str) -> None:
        self._device, self._precision = pick_device(device), settings.precision
        autocast(self._precision, self._device)  # refused now rather than after the weights are read
        loaded, self._extractor = load_encoder(settings)
        self._family = _family(loaded.to(self._device), self._extractor, settings)
        self.n_layers: int = self._family.n_layers
        self.dim: int = loaded.config.hidden_size
        self._recomputes = False

    @property
    def has_dropout(self) -> bool:
        """Whether any dropout of the encoder itself has a rate above 0; without one all of its draws are equal."""
        return any(rate > 0 for rate in self._family.drops)

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        """Keeps `Encoder.hear`. Clips of more than 30 s are heard in windows of 30 s; means are over all of them."""
        if not waves:
            return Frames.of_means(torch.zeros(0, self.n_layers, self.dim, device=self._device))
        pieces = [piece for clip, wave in enumerate(waves) for piece in self._family.pieces(clip, wave)]
        draws = 1 if live is None else len(live.draws)
        rows = [Row(piece, draw) for piece in pieces for draw in range(draws)]
        projected: dict[Piece, torch.Tensor] = {}
        with autocast(self._precision, self._device):
            passes = [self._pass(some, projected, live, frames) for some in passes_of(rows, len(waves))]
        return (join_frames if frames else join_means)(passes, pieces, draws)

    def _pass(
        self, rows: Sequence[Row], projected: dict[Piece, torch.Tensor], live: Live | None, frames: bool
    ) -> torch.Tensor:
        missing = [piece for piece in dict.fromkeys(row.piece for row in rows) if piece not in projected]
        if missing:  # the convolutions have no dropout: once for all draws
            projected.update(zip(missing, self._family.project(missing), strict=True))
        heard = Heard(rows, self._device, frames=frames)
        with self._recomputing(rows, live):
            self._family.transform([projected[row.piece] for row in rows], heard)
        for piece in [piece for piece in projected if piece is not rows[-1].piece]:
            del projected[piece]
        return heard.layers()

    @contextmanager
    def _recomputing(self, rows: Sequence[Row], live: Live | None) -> Iterator[None]:
        """With or without dropout; where gradients are wanted, with layers that are computed twice."""
        with self._family.attention() if live is None else self._live(rows, live) as block:
            again: Again = self._family.attention if live is None else block
            if not (self._recomputes and torch.is_grad_enabled()):
                yield
                return
            with recomputed(self._family.layers, again):
                yield

    def _live(self, rows: Sequence[Row], live: Live) -> AbstractContextManager[Again]:
        keys = {
            piece: draw_keys(live.keys_N[piece.clip, None], live.draws, live.seed, piece.window)[0]
            for piece in dict.fromkeys(row.piece for row in rows)
        }
        keys_R = torch.stack([keys[row.piece][row.draw] for row in rows])
        return live_dropout(self._family.config, keys_R.to(self._device))

    def recompute_layers(self) -> None:
        """Gradient checkpointing from now on: about a third more time in training for far less memory."""
        self._recomputes = True

    def twin(self) -> PretrainedEncoder:
        """A copy with weights of its own where they are thawed; the frozen ones are shared, not held twice."""
        frozen = [parameter for parameter in self._family.module.parameters() if not parameter.requires_grad]
        return copy.deepcopy(self, {id(parameter): parameter for parameter in frozen})

    def thaw(self, trainable: Trainable) -> list[torch.nn.Parameter]:
        """Freezes the encoder but for the chosen part, whose parameters are returned."""
        return thaw(self._family, trainable)

    def state_dict(self) -> dict[str, Any]:
        """The weights, for a checkpoint of training."""
        return self._family.module.state_dict()

    def load_state_dict(self, weights: dict[str, Any]) -> None:
        """Takes the weights of `state_dict` back."""
        self._family.module.load_state_dict(weights)

    def save(self, folder: Path) -> None:
        """Writes a folder that `HuggingFaceSettings(model=folder)` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {self._family.prefix + name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        self._family.config.save_pretrained(folder)
        self._extractor.save_pretrained(folder)


def _family(loaded: Any, extractor: Any, settings: HuggingFaceSettings) -> WaveModel | WhisperModel:
    if loaded.config.model_type == "whisper":
        return WhisperModel(loaded.get_encoder(), extractor, padding_counts=settings.padding == "counted")
    return WaveModel(loaded, extractor, eager=settings.attention == "eager")
