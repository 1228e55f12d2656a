"""Whoever guesses a clip's emotion: paid audio-language models, dual encoders and the source-trained classifier.

These unions are the lists of them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.teachers.anthropic_proxy import AnthropicSettings
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.mc_dropout import MCDropoutSettings
from tasks.teachers.openai_compatible import OpenAISettings
from tasks.teachers.simulated import SimulatedSettings
from tasks.teachers.zero_shot import ZeroShotSettings

PaidSettings = AnthropicSettings | GeminiSettings | OpenAISettings | SimulatedSettings
TeacherSettings = Annotated[
    AnthropicSettings | GeminiSettings | MCDropoutSettings | OpenAISettings | SimulatedSettings | ZeroShotSettings,
    Field(discriminator="kind"),
]
