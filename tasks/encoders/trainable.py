"""Which part of an encoder `mifuse train-source` may change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from tasks.contracts.settings import Settings


class Top(Settings):
    """`trainable: {top: 4}`: the last four transformer layers."""

    top: int = Field(ge=1)


# none: the encoder stays as it is and runs once per clip. all: all but the convolutions in front.
Trainable = Annotated[
    Annotated[Literal["none", "all"], Tag("a word")] | Annotated[Top, Tag("some layers")],
    Discriminator(lambda given: "some layers" if isinstance(given, dict | Top) else "a word"),
]
