"""A speech encoder's files → the model and its feature extractor, or what is wrong with them."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import SafetensorError

from tasks.contracts.errors import CheckpointError
from tasks.encoders.whisper_model import N_FRAMES
from tasks.storage.audio import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from tasks.encoders.huggingface import HuggingFaceSettings

FAMILIES = {
    "wavlm": "WavLM",
    "hubert": "HuBERT",
    "wav2vec2": "wav2vec 2.0",
    "data2vec-audio": "data2vec-audio",
    "whisper": "Whisper",
}
BROKEN = (OSError, ValueError, RuntimeError, KeyError, SafetensorError)
# What a checkpoint may lack: an encoder does not use it outside of training, or it is of Whisper's other half.
_NOT_HEARD = ("masked_spec_embed", "decoder.")
# While it loads, transformers replaces functions of its classes and of torch.nn.init for the whole process. Two loads
# at once put them back in the wrong order, and the replacements stay.
_one_at_a_time = threading.Lock()


def load_encoder(settings: HuggingFaceSettings) -> tuple[Any, Any]:
    """The model without any head, float32 and in evaluation mode, and its feature extractor.

    Raises:
        CheckpointError: No such files, damaged ones, ones that would have to be executed, or another kind of model.
    """
    model, revision = settings.model, settings.revision
    transformers.utils.logging.disable_progress_bar()  # of loading a file; ours is of the clips
    config = _read_config(model, revision)
    _check_settings(settings, config)
    extractor = _read_extractor(model, revision, config)
    loaded, info = _read_weights(settings, config)
    missing = sorted(name for name in info["missing_keys"] if not any(part in name for part in _NOT_HEARD))
    if missing:
        raise CheckpointError(
            f"{model}: cannot be loaded as a speech encoder: {len(missing)} of its weights are missing, such as "
            f'"{missing[0]}". They would be random. Save the whole model with save_pretrained.'
        )
    return loaded.eval().requires_grad_(False), extractor


def _read_config(model: str, revision: str | None) -> Any:
    try:
        config = transformers.AutoConfig.from_pretrained(model, revision=revision)
    except BROKEN as error:
        raise CheckpointError(f"{model}: cannot be loaded as a speech encoder: config.json: {error}") from error
    if config.model_type not in FAMILIES:
        raise CheckpointError(
            f"{model}: a model of type {config.model_type} is not a speech encoder that mifuse knows. "
            f"Known: {', '.join(FAMILIES.values())} (model_type {', '.join(FAMILIES)})."
        )
    if getattr(config, "add_adapter", False):
        raise CheckpointError(f"{model}: an encoder with an adapter (add_adapter) is not supported. Save one without.")
    if config.model_type == "whisper" and config.max_source_positions != N_FRAMES:
        raise CheckpointError(
            f"{model}: max_source_positions is {config.max_source_positions} in config.json. Whisper has {N_FRAMES}: "
            "windows of 30 s."
        )
    return config


def _read_extractor(model: str, revision: str | None, config: Any) -> Any:
    try:
        extractor = transformers.AutoFeatureExtractor.from_pretrained(model, revision=revision)
    except BROKEN as error:
        raise CheckpointError(
            f"{model}: its feature extractor cannot be read (preprocessor_config.json is missing or damaged). "
            f"Copy that file from the model that this one was trained from. {error}"
        ) from error
    expected = "input_features" if config.model_type == "whisper" else "input_values"
    if expected not in extractor.model_input_names:
        raise CheckpointError(
            f"{model}: preprocessor_config.json describes a {type(extractor).__name__}, which is not for "
            f"{FAMILIES[config.model_type]}. Copy that file from the model that this one was trained from."
        )
    if extractor.sampling_rate != SAMPLE_RATE_HZ:
        raise CheckpointError(
            f"{model}: preprocessor_config.json asks for audio of {extractor.sampling_rate} Hz; mifuse hears "
            f"{SAMPLE_RATE_HZ} Hz. Give an encoder that was trained on {SAMPLE_RATE_HZ} Hz."
        )
    if config.model_type == "whisper" and extractor.feature_size != config.num_mel_bins:
        raise CheckpointError(
            f"{model}: preprocessor_config.json makes {extractor.feature_size} mel bands, config.json asks for "
            f"{config.num_mel_bins}. Copy preprocessor_config.json from the model that this one was trained from."
        )
    return extractor


def _read_weights(settings: HuggingFaceSettings, config: Any) -> tuple[Any, Any]:
    # WavLM's fused attention is ours, see `wavlm_attention.py`; transformers would refuse the name
    attention = None if config.model_type == "wavlm" else settings.attention
    return read_weights(settings.model, settings.revision, "a speech encoder", attention)


def read_weights(model: str, revision: str | None, what: str, attention: str | None = None) -> tuple[Any, Any]:
    """The model in float32 as transformers loads it, and its account of weights that are missing or not used.

    Raises:
        CheckpointError: It cannot be loaded as `what`, or would have to be executed.
    """
    # float32: "auto" would load an fp16 checkpoint as fp16 on a CPU too
    given = {"revision": revision, "dtype": torch.float32, "attn_implementation": attention}
    try:
        with _one_at_a_time, _without_report():
            return _from_files(model, given)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{model}: the pickled weights hold more than tensors and would run as a program when loaded. Convert them "
            f"where you trust them: load the model there, then save_pretrained(…), which writes model.safetensors. "
            f"{str(error).splitlines()[0]}"
        ) from error
    except (*BROKEN, ImportError) as error:
        raise CheckpointError(f"{model}: cannot be loaded as {what}: {error}") from error


@contextmanager
def _without_report() -> Iterator[None]:
    """transformers' table of weights that are missing or not used: what matters of it is refused by `load_encoder`."""
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.utils.logging.set_verbosity(before)


def _from_files(model: str, given: dict[str, Any]) -> tuple[Any, Any]:
    def load(*, safe: bool) -> tuple[Any, Any]:
        pair: tuple[Any, Any] = transformers.AutoModel.from_pretrained(
            model, **given, use_safetensors=safe, weights_only=True, output_loading_info=True
        )
        return pair

    if Path(model).is_dir():
        return load(safe=not any(Path(model).glob("pytorch_model*.bin")) or any(Path(model).glob("*.safetensors")))
    try:
        return load(safe=True)
    except OSError as no_safetensors:
        try:
            return load(safe=False)
        except OSError:
            raise no_safetensors from None


def _check_settings(settings: HuggingFaceSettings, config: Any) -> None:
    name = FAMILIES[config.model_type]
    if settings.padding == "counted" and config.model_type != "whisper":
        raise CheckpointError(
            f"{settings.model}: `padding: counted` is for Whisper, which hears 30 s whatever there is; {name} hears no "
            "padding. Leave it out."
        )
    kind: Any = transformers.MODEL_MAPPING[type(config)]
    has = ["eager", "sdpa", *(["flash_attention_2"] if kind._supports_flash_attn else [])]
    if settings.attention is not None and settings.attention not in has:
        raise CheckpointError(
            f"{settings.model}: there is no {settings.attention} attention for {name}, only {' and '.join(has)}. "
            f"Leave `attention` out or choose another."
        )
