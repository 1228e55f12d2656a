"""`pooling: {kind: late_fusion}`: what a zero-shot model says of a clip goes into the head beside the specialist's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.contracts.settings import Settings
from tasks.encoders import parts_of
from tasks.encoders.clap import MOST_REPEATS, ClapSettings
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.prompts import PROMPTS, Prompts, Words

if TYPE_CHECKING:
    from tasks.encoders import EncoderSettings
    from tasks.networks.config import ClassifierConfig
    from tasks.networks.late_fusion import LateFusion


class LateFusionPooling(Settings):
    """The clip is repeated by `audio_repeats` of the part of kind clap, the words by `text_repeats`."""

    kind: Literal["late_fusion"] = "late_fusion"
    prompts: Prompts = Field(default=list(PROMPTS))
    words: dict[str, Words] = Field(default={})  # class → its names in a prompt: one, or some whose mean counts
    text_repeats: int = Field(default=1, ge=1, le=MOST_REPEATS)

    @property
    def told(self) -> str:
        """For a model card."""
        return "mean over time beside a zero-shot model's scores"

    def build(self, config: ClassifierConfig) -> LateFusion:
        """Not ready: training puts the classes' vectors into it, and they stay in its weights."""
        from tasks.networks.late_fusion import LateFusion

        return LateFusion(config.dim, config.n_outputs, config.beside[0][1])


def clap_beside(encoder: EncoderSettings) -> ClapSettings:
    """What compares the clips with the classes' names.

    Raises:
        ValueError: There is no such part, or another one that nobody would listen to.
    """
    others = encoder.parts[1:] if isinstance(encoder, JoinedSettings) else ()
    if len(others) == 1 and isinstance(others[0], ClapSettings):
        return others[0]
    found = f"{encoder.kind} of {', '.join(part.kind for part in parts_of(encoder))}" if others else encoder.kind
    raise ValueError(
        "`pooling`: late_fusion compares the clip with the classes' names by a CLAP beside the encoder: give `encoder: "
        f"{{kind: joined, parts: [{{kind: huggingface, …}}, {{kind: clap, model: …}}]}}`; there is {found}"
    )
