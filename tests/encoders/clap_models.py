"""CLAPs that are small and randomly initialised, in folders such as a user would give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

_PROMPTS = "this person sounds speech with emotion sound of a ."
_EMOTIONS = "angry happy neutral sad furious calm surprised fearful disgust"
_WORDS = [*_PROMPTS.split(" "), *_EMOTIONS.split(" ")]


def save_clap(folder: Path, *, fused: bool = False, window_s: int = 1, seed: int = 0, **changed: Any) -> Path:
    """A CLAP with tiny halves and a window of `window_s`, its feature extractor and a tokenizer of single words.

    `changed`: settings of the whole, such as `projection_dim`.
    """
    text = {"vocab_size": len(_WORDS) + 4, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 16, "max_position_embeddings": 48}
    audio = {"spec_size": 64, "num_mel_bins": 16, "depths": [1, 1], "num_attention_heads": [2, 2], "window_size": 4}
    audio |= {"patch_embeds_hidden_size": 8, "hidden_size": 16, "num_hidden_layers": 2, "enable_fusion": fused}
    audio |= {"fusion_type": "aff_2d" if fused else None, "aff_block_r": 2}
    sizes = {"text_config": text, "audio_config": audio, "projection_dim": 12, "logit_scale_init_value": 20.0}
    torch.manual_seed(seed)
    model = transformers.ClapModel(transformers.ClapConfig(**sizes | changed))
    for parameter in model.parameters():  # as they begin, all clips and all texts would be nearly the same
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    _extractor(fused, window_s).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


def _extractor(fused: bool, window_s: int) -> transformers.ClapFeatureExtractor:
    return transformers.ClapFeatureExtractor(
        feature_size=16, max_length_s=window_s, truncation="fusion" if fused else "rand_trunc", padding="repeatpad"
    )


def _tokenizer() -> transformers.PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {word: place for place, word in enumerate([*special, *_WORDS])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names)
