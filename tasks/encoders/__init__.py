"""Speech encoders: audio in, per-layer time means out. This union is the list of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMelSettings

EncoderSettings = Annotated[HuggingFaceSettings | LogMelSettings, Field(discriminator="kind")]
