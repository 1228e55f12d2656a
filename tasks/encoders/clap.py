"""CLAP's audio half as an encoder: a clip is one vector in the space where its texts lie too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import FolderOrHubName, Settings
from tasks.encoders.huggingface import check_pinned, content_of
from tasks.storage.files import sha256_of_json

if TYPE_CHECKING:
    from tasks.encoders.clap_model import ClapEncoder

_CODE_VERSION = 1  # raised when the same weights would give other vectors
_OF_TOKENIZERS = (".txt", ".model")
MOST_REPEATS = 16


class ClapSettings(Settings):
    """`kind: clap`: a folder, or a name on the hub with its revision pinned.

    A clip's vector is CLAP's projected audio embedding, of length 1.
    """

    kind: Literal["clap"] = "clap"
    model: FolderOrHubName
    revision: str | None = None
    audio_repeats: int = Field(default=1, ge=1, le=MOST_REPEATS)  # the clip so many times in a row, then CLAP's own cut

    @model_validator(mode="after")
    def _pinned(self) -> ClapSettings:
        check_pinned(self.model, self.revision)
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the vectors: the files' content, not where they lie."""
        return {
            "kind": self.kind,
            **self.model_identity(),
            "audio_repeats": self.audio_repeats,
            "code_version": _CODE_VERSION,
        }

    def model_identity(self) -> dict[str, Any]:
        """The model alone, both of its halves.

        Raises:
            CheckpointError: No such folder.
        """
        folder = Path(self.model)
        if not folder.is_absolute():
            return {"model": self.model, "revision": self.revision}
        if not (folder / "config.json").is_file():
            raise CheckpointError(
                f"{folder}: no CLAP there (config.json is missing). Give a folder that save_pretrained wrote, with its "
                "feature extractor and tokenizer, or a name on the Hugging Face hub."
            )
        return {"content": sha256_of_json(content_of(folder, _OF_TOKENIZERS))}

    def build(self, device: str = "auto") -> ClapEncoder:
        """Loads the weights. Imports torch and transformers (about 5 s)."""
        from tasks.encoders.clap_model import ClapEncoder

        return ClapEncoder(self, device)
