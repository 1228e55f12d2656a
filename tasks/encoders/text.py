"""What is said in a clip, through any text encoder of transformers; its transcript comes from the manifest."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import FolderOrHubName, Settings
from tasks.encoders.batches import AudioFile
from tasks.encoders.huggingface import check_pinned, content_of
from tasks.storage.files import sha256_of_json

if TYPE_CHECKING:
    from tasks.encoders.text_encoder import TextEncoder

_CODE_VERSION = 1  # raised when the same weights and transcript would give other features
_OF_TOKENIZERS = (".txt", ".model")  # vocabularies and merges that are no JSON


class TextSettings(Settings):
    """`kind: text`: a folder, or a name on the hub with its revision pinned."""

    kind: Literal["text"] = "text"
    model: FolderOrHubName
    revision: str | None = None

    @model_validator(mode="after")
    def _pinned(self) -> TextSettings:
        check_pinned(self.model, self.revision)
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the features: the files' content, not where they lie.

        Raises:
            CheckpointError: No such folder, or no model in it.
        """
        folder, made = Path(self.model), {"kind": self.kind, "code_version": _CODE_VERSION}
        if not folder.is_absolute():
            return {"model": self.model, "revision": self.revision} | made
        if not (folder / "config.json").is_file():
            raise CheckpointError(
                f"{folder}: no text encoder there (config.json is missing). Give a folder that save_pretrained wrote, "
                "with its tokenizer, or a name on the Hugging Face hub."
            )
        return {"content": sha256_of_json(content_of(folder, _OF_TOKENIZERS))} | made

    def build(self, device: str = "auto") -> TextEncoder:
        """Loads the weights. Imports torch and transformers (about 5 s)."""
        from tasks.encoders.text_encoder import TextEncoder

        return TextEncoder(self, device)


def words_of(transcript: str | None) -> str | None:
    """The transcript as it is read and kept: in Unicode's composed form, without space around; None: nothing said.

    >>> words_of(" cafe\\u0301 ") == "caf\\u00e9"
    True
    >>> words_of("  ") is None
    True
    """
    return unicodedata.normalize("NFC", transcript or "").strip() or None


def text_key(words: str) -> str:
    """Under which a text's features are kept: its SHA-256 in UTF-8."""
    return hashlib.sha256(words.encode()).hexdigest()


def row_keys(files: Sequence[AudioFile], *, reads_text: bool) -> list[str]:
    """What is kept of a clip depends on its audio, and on what is said in it where somebody reads that.

    >>> files = [AudioFile("a1", Path(), 1.0, " yes"), AudioFile("b2", Path(), 1.0)]
    >>> row_keys(files, reads_text=False)
    ['a1', 'b2']
    >>> [key[:8] for key in row_keys(files, reads_text=True)]
    ['a1-8a798', 'b2']
    """
    if not reads_text:
        return [file.sha256 for file in files]
    found = [(file.sha256, words_of(file.transcript)) for file in files]
    return [f"{sha256}-{text_key(words)}" if words else sha256 for sha256, words in found]
