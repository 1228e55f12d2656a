"""Audio classifiers of transformers that are small and randomly initialised, in folders such as a user would give."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

WAVE_MODELS = {"wavlm": "WavLM", "hubert": "Hubert", "wav2vec2": "Wav2Vec2", "data2vec-audio": "Data2VecAudio"}
LABELS = ("ang", "hap", "exc", "oth")
_CONVOLUTIONS = {"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (5, 8), "num_feat_extract_layers": 2}
_POSITIONS = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2, "conv_pos_kernel_size": 5}
_LAYERS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
_WHISPER_SIZES = {"d_model": 16, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "encoder_layers": 2, "dropout": 0.1}
_WHISPER_HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_layers": 1}
_WHISPER_TOKENS = {
    "vocab_size": 50,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


def save_audio_classifier(folder: Path, family: str, labels: Sequence[str] = LABELS, **changed: Any) -> Path:
    """Four labels, two layers, as save_pretrained writes it; no norm is 1 and no bias of the head is 0."""
    named = {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}
    given = {**named, "classifier_proj_size": 6, **changed}
    torch.manual_seed(0)
    if family == "whisper":
        config = transformers.WhisperConfig(**_WHISPER_SIZES | _WHISPER_HEADS | _WHISPER_TOKENS | given)
        model = transformers.WhisperForAudioClassification(config)
        extractor = transformers.WhisperFeatureExtractor()
    else:
        name = WAVE_MODELS[family]
        positions = _POSITIONS if family == "data2vec-audio" else {**_POSITIONS, "conv_pos_kernel_size": 19}
        config = getattr(transformers, f"{name}Config")(**_CONVOLUTIONS, **positions, **_LAYERS, **given)
        model = getattr(transformers, f"{name}ForSequenceClassification")(config)
        extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=family != "wavlm")
    for name, parameter in model.named_parameters():
        if name.startswith(("projector", "classifier", "layer_weights")):
            torch.nn.init.normal_(parameter, std=0.4)
        elif "layer_norm" in name:  # as they are made, normalising twice is the same as once
            torch.nn.init.normal_(parameter, mean=1.0, std=0.3)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


@torch.inference_mode()
def logits_of_transformers(folder: Path, wave: NDArray[np.float32]) -> torch.Tensor:
    """Of one clip alone, shape (labels,)."""
    model = transformers.AutoModelForAudioClassification.from_pretrained(folder, dtype=torch.float32).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    return model(**extractor(wave, sampling_rate=16_000, return_tensors="pt")).logits[0]
