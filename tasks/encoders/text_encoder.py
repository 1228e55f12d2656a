"""A text encoder of transformers: texts in, each layer's mean over the tokens out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.device import pick_device
from tasks.encoders.loading import BROKEN, FAMILIES, read_weights

if TYPE_CHECKING:
    from tasks.encoders.text import TextSettings

_AT_ONCE = 64
_NO_LIMIT = 1 << 20  # tokenizers that know none say some huge number
_NOT_READ = ("pooler.", "decoder.", "lm_head.")  # what a checkpoint may lack: nothing of it reaches the hidden states


class TextEncoder:
    """Each text's row depends on that text alone: texts of one length go together, so that there is no padding.

    The layers are transformers' `hidden_states`: layer 0 is what goes into the first transformer layer. Means are over
    all tokens, those that the tokenizer puts around a text included.
    """

    def __init__(self, settings: TextSettings, device: str = "auto") -> None:
        self._device = pick_device(device)
        self._tokenizer, self._model = _load(settings)
        self._model.to(self._device)
        self.n_layers, self.dim = shape_of(self._model.config)
        self.most_tokens = _most_tokens(self._tokenizer, self._model)

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Shape (N, L, D), and how many texts were too long and are read up to `most_tokens` only."""
        tokens, cut = self._tokens(texts)
        rows_NLD = np.zeros((len(texts), self.n_layers, self.dim), np.float32)
        for rows in _of_one_length(tokens):
            rows_NLD[rows] = self._means([tokens[row] for row in rows])
        return rows_NLD, cut

    def _tokens(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        whole: list[list[int]] = self._tokenizer(list(texts), verbose=False)["input_ids"]
        long = [n for n, ids in enumerate(whole) if self.most_tokens is not None and len(ids) > self.most_tokens]
        for n in long:
            whole[n] = self._tokenizer(texts[n], truncation=True, max_length=self.most_tokens)["input_ids"]
        return whole, len(long)

    def _means(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        ids_BT = torch.tensor(tokens, device=self._device)
        with torch.inference_mode():
            read = self._model(
                input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT), output_hidden_states=True, return_dict=True
            )
        means: NDArray[np.float32] = torch.stack([layer.mean(dim=1) for layer in read.hidden_states], 1).cpu().numpy()
        return means


def shape_of(config: Any) -> tuple[int, int]:
    """Layers and features of a text encoder with this config."""
    return config.num_hidden_layers + 1, config.hidden_size


def read_text_config(settings: TextSettings) -> Any:
    """Its config.json, without any weights.

    Raises:
        CheckpointError: No such model, or one that reads no text.
    """
    try:
        config = transformers.AutoConfig.from_pretrained(settings.model, revision=settings.revision)
    except BROKEN as error:
        raise CheckpointError(f"{settings.model}: cannot be loaded as a text encoder: config.json: {error}") from error
    if config.model_type in FAMILIES or not hasattr(config, "num_hidden_layers") or not hasattr(config, "vocab_size"):
        raise CheckpointError(
            f"{settings.model}: a model of type {config.model_type} is no text encoder. Give one that AutoModel loads "
            "and that reads text, such as a BERT or RoBERTa."
        )
    return config


def _load(settings: TextSettings) -> tuple[Any, Any]:
    """The tokenizer, and the model in evaluation mode; of one with two halves the first.

    Raises:
        CheckpointError: No such files, damaged ones, or another kind of model.
    """
    transformers.utils.logging.disable_progress_bar()
    config = read_text_config(settings)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(settings.model, revision=settings.revision)
    except (*BROKEN, ImportError) as error:
        raise CheckpointError(
            f"{settings.model}: its tokenizer cannot be read (tokenizer.json is missing or damaged). Copy the "
            f"tokenizer's files from the model that this one was trained from. {error}"
        ) from error
    # Without its files transformers makes one that knows the special tokens alone, and every text would be the same.
    if len(tokenizer) <= len(tokenizer.all_special_tokens) or len(tokenizer) > config.vocab_size:
        raise CheckpointError(
            f"{settings.model}: its tokenizer knows {len(tokenizer)} tokens, the model {config.vocab_size}. Copy the "
            "tokenizer's files from the model that this one was trained from."
        )
    model, info = read_weights(settings.model, settings.revision, "a text encoder")
    missing = sorted(name for name in info["missing_keys"] if not any(part in name for part in _NOT_READ))
    if missing:
        raise CheckpointError(
            f'{settings.model}: {len(missing)} weights are missing, such as "{missing[0]}". They would be random. Save '
            "the whole model with save_pretrained."
        )
    half = model.get_encoder() if getattr(config, "is_encoder_decoder", False) else model
    return tokenizer, half.eval().requires_grad_(False)


def _most_tokens(tokenizer: Any, model: Any) -> int | None:
    """The least of what tokenizer and model say; None: both know of no limit."""
    places = getattr(model.config, "max_position_embeddings", None)
    embedded = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(embedded, "padding_idx", None)
    if places and padding is not None:
        places -= padding + 1  # RoBERTa counts from the padding's place
    said = [limit for limit in (places, tokenizer.model_max_length) if limit and 0 < limit < _NO_LIMIT]
    return min(said, default=None)


def _of_one_length(tokens: Sequence[list[int]]) -> list[list[int]]:
    """Rows whose texts have equally many tokens, at most `_AT_ONCE` together."""
    ordered = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    groups = [list(rows) for _, rows in groupby(ordered, key=lambda row: len(tokens[row]))]
    return [rows[at : at + _AT_ONCE] for rows in groups for at in range(0, len(rows), _AT_ONCE)]
