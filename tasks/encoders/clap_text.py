"""CLAP's text half: texts as vectors in the space where its clips lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.clap_loading import load_clap, load_tokenizer
from tasks.encoders.device import pick_device

if TYPE_CHECKING:
    from tasks.encoders.clap import ClapSettings

_AT_ONCE = 64


class ClapTexts:
    """The text half, loaded once.

    Attributes:
        scale: What a cosine between a clip and a text is multiplied by before the softmax over the texts.
    """

    def __init__(self, settings: ClapSettings, device: str = "auto") -> None:
        self._settings, self._device = settings, pick_device(device)
        self._tokenizer = load_tokenizer(settings)
        self._model = load_clap(settings).to(self._device)
        self.scale: float = float(_log_scale(self._model).exp())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Each text as a vector of length 1, shape (n, D).

        Raises:
            CheckpointError: A text that is longer than the model reads, or two that are one to its tokenizer.
        """
        ordered = list(texts)
        self._check_told_apart(ordered)
        parts = [self._embedded(ordered[at : at + _AT_ONCE]) for at in range(0, len(ordered), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self._model.config.projection_dim), np.float32)

    def _embedded(self, texts: list[str]) -> NDArray[np.float32]:
        read = self._tokenizer(texts, return_tensors="pt", padding=True)
        lengths = read["attention_mask"].sum(dim=1).tolist()
        self._check_length(texts, lengths)
        with torch.inference_mode():
            given = {name: read[name].to(self._device) for name in ("input_ids", "attention_mask")}
            found = self._model.get_text_features(**given).pooler_output
        embedded: NDArray[np.float32] = torch.nn.functional.normalize(found, dim=-1).cpu().numpy()
        return embedded

    def _check_told_apart(self, texts: list[str]) -> None:
        """Words that the tokenizer does not know may all be read as the same one."""
        read: dict[tuple[int, ...], str] = {}
        for text in texts:
            other = read.setdefault(tuple(self._tokenizer(text)["input_ids"]), text)
            if other != text:
                raise CheckpointError(
                    f'{self._settings.model}: its tokenizer reads "{other}" and "{text}" as the same text. Choose '
                    "other words, or check that its files are the model's own."
                )

    def _check_length(self, texts: list[str], lengths: list[int]) -> None:
        config = self._model.config.text_config
        most = (
            config.max_position_embeddings - (config.pad_token_id or 0) - 1
        )  # RoBERTa counts from the padding's place
        if long := [text for text, length in zip(texts, lengths, strict=True) if length > most]:
            raise CheckpointError(
                f'{self._settings.model}: reads at most {most} tokens, and "{long[0][:60]}…" has more. Take a shorter '
                "prompt or fewer repeats of the text."
            )


def embed_texts(settings: ClapSettings, texts: Sequence[str], device: str = "auto") -> NDArray[np.float32]:
    """Each text as a vector of length 1, shape (n, D). Raises as `ClapTexts`."""
    return ClapTexts(settings, device).embed(texts)


def logit_scale(settings: ClapSettings) -> float:
    """What a cosine between a clip and a text is multiplied by, as the model was trained."""
    return float(_log_scale(load_clap(settings)).exp())


def _log_scale(model: Any) -> torch.Tensor:
    """transformers' own name for it in CLAP is of the audio's side; other dual encoders have one for both."""
    found: torch.Tensor | None = getattr(model, "logit_scale_a", getattr(model, "logit_scale", None))
    if found is None:
        raise CheckpointError(
            f"a model of type {model.config.model_type} has no logit scale, so its cosines cannot become "
            "probabilities. Give a CLAP, as transformers' ClapModel saves it."
        )
    return found
