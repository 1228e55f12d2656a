"""Pretrained speech encoders through transformers: WavLM, HuBERT, wav2vec 2.0, data2vec-audio, Whisper."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import OPERATIONAL, FolderOrHubName, Settings
from tasks.storage.files import sha256_of_file, sha256_of_json
from tasks.storage.listed_once import listing_of

if TYPE_CHECKING:
    from tasks.encoders.pretrained import PretrainedEncoder

_CODE_VERSION = 2  # raised when the same weights would give other features
# What transformers reads is among these. A README, a .git or what a trainer leaves behind makes no other encoder.
_READ_SUFFIXES = {".json", ".safetensors", ".bin"}


def content_of(folder: Path, more: Collection[str] = ()) -> dict[str, str]:
    """File → SHA-256 of what is read of the folder; gigabytes, hashed once in a command. `more`: further suffixes."""
    suffixes = {*_READ_SUFFIXES, *more}
    read = [file for file in sorted(folder.iterdir()) if file.suffix in suffixes and file.is_file()]
    read = [file for file in read if not file.name.startswith(".")]
    looks = tuple((str(file), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in read)
    return listing_of(looks, lambda: {file.name: sha256_of_file(file) for file in read})


def check_pinned(model: str, revision: str | None) -> None:
    """Raises ValueError where a name on the hub has no revision."""
    if revision is None and not Path(model).is_absolute():
        raise ValueError(
            f'"{model}" is a name on the hub and needs `revision`, best a commit\'s hash: what a name means '
            "can change, and stored features would not notice"
        )


class HuggingFaceSettings(Settings):
    """`kind: huggingface`: a folder, or a name on the hub with its revision pinned."""

    kind: Literal["huggingface"] = "huggingface"
    model: FolderOrHubName
    revision: str | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"  # autocast; weights and features stay float32
    # Whisper hears 30 s whatever there is. left_out: means are over the frames that hold audio. counted: over all 1500,
    # as transformers' own audio classifiers take them, so that theirs give the same here.
    padding: Literal["left_out", "counted"] = "left_out"
    attention: Literal["eager", "sdpa", "flash_attention_2"] | None = Field(  # None: transformers' own choice
        default=None, json_schema_extra=OPERATIONAL
    )

    @model_validator(mode="after")
    def _pinned(self) -> HuggingFaceSettings:
        check_pinned(self.model, self.revision)
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the features: the files' content, not where they lie."""
        folder = Path(self.model)
        if not folder.is_absolute():
            return {"model": self.model, "revision": self.revision, **self._common()}
        if not (folder / "config.json").is_file():
            raise CheckpointError(
                f"{folder}: no pretrained encoder there (config.json is missing). "
                "Give a folder that save_pretrained wrote, or a name on the Hugging Face hub."
            )
        return {"content": sha256_of_json(content_of(folder)), **self._common()}

    def _common(self) -> dict[str, Any]:
        return {"kind": self.kind, "precision": self.precision, "padding": self.padding, "code_version": _CODE_VERSION}

    def build(self, device: str = "auto") -> PretrainedEncoder:
        """Loads the weights. Imports torch and transformers (about 5 s)."""
        from tasks.encoders.pretrained import PretrainedEncoder

        return PretrainedEncoder(self, device)
