"""A CLAP's files → the model, its feature extractor and its tokenizer, or what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import transformers

from tasks.contracts.errors import CheckpointError
from tasks.encoders.loading import BROKEN, read_weights

if TYPE_CHECKING:
    from tasks.encoders.clap import ClapSettings

_HALVES = ("get_audio_features", "get_text_features")


def load_clap(settings: ClapSettings) -> Any:
    """Both halves, float32 and in evaluation mode.

    Raises:
        CheckpointError: No such files, damaged ones, or a model that does not lay audio and text into one space.
    """
    model = settings.model
    transformers.utils.logging.disable_progress_bar()
    loaded, info = read_weights(model, settings.revision, "a CLAP")
    if lacking := [name for name in _HALVES if not hasattr(loaded, name)]:
        raise CheckpointError(
            f"{model}: a model of type {loaded.config.model_type} has no {' and no '.join(lacking)}, so it cannot "
            "compare audio with text. Give a CLAP, as transformers' ClapModel saves it."
        )
    if missing := sorted(info["missing_keys"]):
        raise CheckpointError(
            f'{model}: {len(missing)} weights are missing, such as "{missing[0]}". They would be random. Save the '
            "whole model with save_pretrained."
        )
    return loaded.eval().requires_grad_(False)


def load_extractor(settings: ClapSettings) -> Any:
    """What turns waves into what the audio half takes.

    Raises:
        CheckpointError: It is missing, damaged or another model's.
    """
    try:
        extractor = transformers.AutoFeatureExtractor.from_pretrained(settings.model, revision=settings.revision)
    except BROKEN as error:
        raise CheckpointError(
            f"{settings.model}: its feature extractor cannot be read (preprocessor_config.json is missing or damaged). "
            f"Copy that file from the model that this one was trained from. {error}"
        ) from error
    if not isinstance(extractor, transformers.ClapFeatureExtractor):
        raise CheckpointError(
            f"{settings.model}: preprocessor_config.json describes a {type(extractor).__name__}; CLAP needs a "
            "ClapFeatureExtractor. Copy that file from the model that this one was trained from."
        )
    return extractor


def load_tokenizer(settings: ClapSettings) -> Any:
    """What turns texts into what the text half takes.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(settings.model, revision=settings.revision)
        if len(tokenizer) <= len(tokenizer.all_special_ids):  # what transformers makes of no files
            raise ValueError("it has no words")
        return tokenizer
    except (*BROKEN, ImportError) as error:
        raise CheckpointError(
            f"{settings.model}: its tokenizer cannot be read (tokenizer.json is missing or damaged). Copy the "
            f"tokenizer's files from the model that this one was trained from. {error}"
        ) from error
