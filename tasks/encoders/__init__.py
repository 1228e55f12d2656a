"""Speech encoders: audio in, per-layer time means out. These unions are the list of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.encoders.clap import ClapSettings
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.joined import AudioPart as AudioPart
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.joined import Part as Part
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.text import TextSettings

EncoderSettings = Annotated[
    ClapSettings | HuggingFaceSettings | JoinedSettings | LogMelSettings, Field(discriminator="kind")
]
# What features can be made of a clip: with its transcript, too, which alone is no classifier's encoder.
RepresentationSettings = Annotated[
    ClapSettings | HuggingFaceSettings | JoinedSettings | LogMelSettings | TextSettings, Field(discriminator="kind")
]


def parts_of(encoder: RepresentationSettings) -> tuple[Part, ...]:
    """Those that have features of their own on disk."""
    return encoder.parts if isinstance(encoder, JoinedSettings) else (encoder,)


def audio_parts(encoder: RepresentationSettings) -> list[AudioPart]:
    """Those that hear the clips."""
    return [part for part in parts_of(encoder) if not isinstance(part, TextSettings)]


def reads_text(encoder: RepresentationSettings) -> bool:
    """Whether a clip's features depend on its transcript, too."""
    return any(isinstance(part, TextSettings) for part in parts_of(encoder))
