"""Pretrained speech encoders through transformers: WavLM, HuBERT, wav2vec 2.0, data2vec-audio, Whisper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import FolderOrHubName, Settings
from tasks.storage.files import sha256_of_folder

if TYPE_CHECKING:
    from tasks.encoders.base import Encoder


class HuggingFaceSettings(Settings):
    """`kind: huggingface`: a folder, or a name on the hub with its revision pinned."""

    kind: Literal["huggingface"] = "huggingface"
    model: FolderOrHubName
    revision: str | None = None

    @model_validator(mode="after")
    def _pinned(self) -> HuggingFaceSettings:
        if self.revision is None and not Path(self.model).is_absolute():
            raise ValueError(
                f'"{self.model}" is a name on the hub and needs `revision`, best a commit\'s hash: what a name means '
                "can change, and stored features would not notice"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the features: the files' content, not where they lie."""
        folder = Path(self.model)
        if not folder.is_absolute():
            return {"kind": self.kind, "model": self.model, "revision": self.revision}
        if not (folder / "config.json").is_file():
            raise CheckpointError(
                f"{folder}: no pretrained encoder there (config.json is missing). "
                "Give a folder that save_pretrained wrote, or a name on the Hugging Face hub."
            )
        return {"kind": self.kind, "content": sha256_of_folder(folder)}

    def build(self, device: str = "auto") -> Encoder:
        """Loads the weights. Imports torch and transformers (about 5 s)."""
        from tasks.encoders.pretrained import PretrainedEncoder

        return PretrainedEncoder(self.model, self.revision, device)
