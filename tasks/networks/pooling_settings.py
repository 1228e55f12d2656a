"""`pooling`: how a clip's frames become one vector. A word, or settings that build what keeps `Pooling`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from tasks.contracts.settings import Settings
from tasks.encoders.joined import JoinedSettings
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.networks.late_fusion_settings import LateFusionPooling, clap_beside

if TYPE_CHECKING:
    from tasks.encoders import EncoderSettings


def _no_kind_as_a_word(given: Any) -> Any:
    if given in ("label_signal", "late_fusion"):
        raise ValueError(f"{given} has settings of its own; write `{{kind: {given}}}`")
    return given


_Kinds = Annotated[LabelSignalPooling | LateFusionPooling, Field(discriminator="kind")]
PoolingSettings = Annotated[
    Annotated[Literal["mean", "attentive"], Tag("a word")] | Annotated[_Kinds, Tag("a kind")],
    Discriminator(lambda given: "a kind" if isinstance(given, dict | Settings) else "a word"),
    BeforeValidator(_no_kind_as_a_word),
]


def hears_frames(pooling: PoolingSettings, encoder: EncoderSettings) -> bool:
    """Whether a head that pools so wants all frames of a clip, not their mean."""
    if isinstance(pooling, LabelSignalPooling):
        audio = encoder.audio if isinstance(encoder, JoinedSettings) else encoder
        return pooling.hears == "frames" and audio.kind == "huggingface"
    return pooling == "attentive"


def mistakes_in_pooling(pooling: PoolingSettings, encoder: EncoderSettings) -> Iterator[str]:
    """Parts that nothing would listen to, and listeners without the part that they need."""
    if isinstance(pooling, str) and isinstance(encoder, JoinedSettings):
        yield (
            f"`pooling`: {pooling} hears the first part of a joined encoder alone; give `{{kind: late_fusion}}` or "
            "`{kind: label_signal}`, which hear the others too, or take the other parts away"
        )
    if isinstance(pooling, LabelSignalPooling) and isinstance(encoder, JoinedSettings) and len(encoder.parts) > 2:
        yield f"`pooling`: label_signal hears two parts, an audio encoder and a text; there are {len(encoder.parts)}"
    if isinstance(pooling, LateFusionPooling):
        try:
            clap_beside(encoder)
        except ValueError as error:
            yield str(error)
