"""Text encoders that are small and randomly initialised, in folders such as a user would give."""

import string
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def save_text_model(folder: Path, seed: int = 0, **changed: Any) -> Path:
    """A BERT of two layers of 16 features whose tokens are letters, and its tokenizer, as save_pretrained does."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    tokens = {"vocab_size": len(_vocabulary()), "max_position_embeddings": 64, "pad_token_id": 0}
    torch.manual_seed(seed)
    transformers.BertModel(transformers.BertConfig(**sizes | tokens | changed)).save_pretrained(folder)
    save_tokenizer(folder, model_max_length=64)
    return folder


def save_tokenizer(folder: Path, **changed: Any) -> None:
    """Letter by letter, between [CLS] and [SEP]; it knows of padding, so that a test may pad."""
    tokenizer = Tokenizer(models.WordLevel(_vocabulary(), unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names | changed).save_pretrained(folder)


def _vocabulary() -> dict[str, int]:
    return {token: n for n, token in enumerate([*_SPECIAL, *string.ascii_lowercase, " ", ".", "!", "?"])}
