"""Late fusion of a specialist and a zero-shot model: what both say, side by side, for a head to weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tasks.encoders.base import Frames
from tasks.encoders.prompts import class_vectors, words_for
from tasks.maths.zero_shot import ensemble
from tasks.networks.late_fusion_settings import LateFusionPooling, clap_beside

if TYPE_CHECKING:
    from tasks.networks.config import ClassifierConfig


Named = tuple[NDArray[np.float64], float]  # the classes' vectors, shape (C, E), and the logit scale


class LateFusion(nn.Module):
    r"""Keeps `Pooling`: the specialist's mean over time u and the zero-shot scores z, shape (B, D + C)::

        h = [u ; LN(z)]             z_c = s cos(a, t_c)

    with a the clip and t_c the class in CLAP's space and s its logit scale; section 3 of arXiv:2603.23057.

    Args:
        dim: D, of the specialist.
        n_classes: C.
        clap_dim: Of CLAP's space.
    """

    classes_CE: torch.Tensor
    scale: torch.Tensor

    def __init__(self, dim: int, n_classes: int, clap_dim: int) -> None:
        super().__init__()
        self.size = dim + n_classes
        self.norm = nn.LayerNorm(n_classes)
        # Until somebody names the classes every answer is no number: zeros would look like one.
        self.register_buffer("classes_CE", torch.full((n_classes, clap_dim), torch.nan))
        self.register_buffer("scale", torch.tensor(torch.nan))

    def name_classes(self, classes_CE: NDArray[np.float64], scale: float) -> None:
        """Takes the classes' vectors, of length 1, and the logit scale; they are not trained."""
        self.classes_CE.copy_(torch.from_numpy(classes_CE))
        self.scale.fill_(scale)

    def forward(self, frames_BTD: torch.Tensor, heard: Frames) -> torch.Tensor:
        """Keeps `Pooling.__call__`."""
        mean_BD = frames_BTD.sum(dim=1) / heard.n_frames_B[:, None]
        return torch.cat([mean_BD, self.norm(self.scores(heard))], dim=-1)

    def scores(self, heard: Frames) -> torch.Tensor:
        """z, shape (B, C)."""
        clip_BE = nn.functional.normalize(heard.beside[0].means_BLD()[:, 0], dim=-1)
        return self.scale * clip_BE @ self.classes_CE.T


def named_classes(config: ClassifierConfig, device: str = "auto") -> Named | None:
    """What `LateFusion.name_classes` takes, by CLAP's text half; None where the head does not pool so.

    Raises:
        CheckpointError: No such model, or a text that it cannot read whole.
    """
    pooling = config.pooling
    if not isinstance(pooling, LateFusionPooling):
        return None
    from tasks.encoders.clap_text import ClapTexts

    texts = ClapTexts(clap_beside(config.encoder), device)
    words = [words_for(name, pooling.words) for name in config.classes]
    prompts = [(prompt, pooling.text_repeats) for prompt in pooling.prompts]
    return ensemble(class_vectors(prompts, words, texts.embed)), texts.scale
