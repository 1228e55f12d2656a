"""Several representations of the same clips: an audio encoder, and beside it others or what is said in the clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.contracts.settings import Settings
from tasks.encoders.clap import ClapSettings
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.text import TextSettings

if TYPE_CHECKING:
    from tasks.encoders.joined_features import JoinedEncoder

AudioPart = Annotated[ClapSettings | HuggingFaceSettings | LogMelSettings, Field(discriminator="kind")]
Part = Annotated[ClapSettings | HuggingFaceSettings | LogMelSettings | TextSettings, Field(discriminator="kind")]


class JoinedSettings(Settings):
    """`kind: joined`. The first part is what a head standardises and weighs; the others lie in `Frames.beside`."""

    kind: Literal["joined"] = "joined"
    parts: tuple[Part, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _fits_together(self) -> JoinedSettings:
        if self.parts[0].kind == "text":
            raise ValueError("`parts`: the first one hears audio; put `kind: text` behind an audio encoder")
        if len(self.parts) != len({part.model_dump_json() for part in self.parts}):
            raise ValueError("`parts`: one of them stands there twice; take it away")
        return self

    @property
    def audio(self) -> AudioPart:
        """The first part."""
        assert not isinstance(self.parts[0], TextSettings)
        return self.parts[0]

    def identity(self) -> dict[str, Any]:
        """What decides the features: that of the parts, in order."""
        return {"kind": self.kind, "parts": [part.identity() for part in self.parts]}

    def build(self, device: str = "auto") -> JoinedEncoder:
        """All parts that hear audio: see `JoinedEncoder`."""
        from tasks.encoders.joined_features import JoinedEncoder

        return JoinedEncoder(self, device)
