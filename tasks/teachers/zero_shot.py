"""A dual encoder as a teacher, without any label: its draws are prompts, with audio and words repeated or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag, model_validator

from tasks.contracts.runner import RunnerSettings, ThreadsRunner
from tasks.contracts.settings import OPERATIONAL, FolderOrHubName, Settings
from tasks.encoders.clap import MOST_REPEATS, ClapSettings
from tasks.encoders.huggingface import check_pinned
from tasks.encoders.prompts import PROMPTS, Once, Prompts, Words, mistakes_in_words, words_for
from tasks.storage.files import sha256_of_json

_Repeats = Annotated[int, Field(ge=1, le=MOST_REPEATS)]
Pair = tuple[_Repeats, _Repeats]  # of the clip, of the word in the text


class ZeroShotDraw(NamedTuple):
    """One way to ask."""

    prompt: str
    audio_repeats: int
    text_repeats: int


class ZeroShotSettings(Settings):
    """`kind: zero_shot`: a CLAP, or another model of its interface, compares each clip with a text for each class.

    `repeats`: pairs of how often the clip and how often the word stand in a row. `chosen`: the one pair that names most
    labelled source clips right, of all with numbers from `grid`; see `tasks/choose_repeats.py`.
    """

    kind: Literal["zero_shot"] = "zero_shot"
    model: FolderOrHubName = Field(json_schema_extra=OPERATIONAL)  # its content counts, not where it lies
    revision: str | None = Field(default=None, json_schema_extra=OPERATIONAL)
    prompts: Prompts = Field(default=list(PROMPTS))
    words: dict[str, Words] = Field(default={})  # class → what prompts call it; of several words the mean vector
    repeats: Annotated[
        Annotated[Literal["chosen"], Tag("in a word")]
        | Annotated[list[Pair], Field(min_length=1), Once, Tag("as pairs")],
        Discriminator(lambda given: "in a word" if isinstance(given, str) else "as pairs"),
    ] = Field(default=[(1, 1)])
    grid: Annotated[list[_Repeats], Once] = Field(default=[1, 2, 3, 4, 5, 8], min_length=1)
    batch_seconds: float = Field(default=240, gt=0, json_schema_extra=OPERATIONAL)
    device: str = Field(default="auto", json_schema_extra=OPERATIONAL)
    torch_threads: int | None = Field(default=None, ge=1, json_schema_extra=OPERATIONAL)  # of each worker
    runner: RunnerSettings = Field(default=ThreadsRunner(), json_schema_extra=OPERATIONAL)

    @model_validator(mode="after")
    def _fits_together(self) -> ZeroShotSettings:
        check_pinned(self.model, self.revision)
        if self.repeats != "chosen" and "grid" in self.model_fields_set:
            raise ValueError("`grid` is what `repeats: chosen` chooses from; set that, or take `grid` away")
        if self.repeats == "chosen" and 1 not in self.grid:
            raise ValueError("`grid` needs 1: no repeats at all is what every other pair must be better than")
        if self.draws < 2:
            raise ValueError(
                "one prompt and one pair of repeats are a single draw, which cannot disagree with itself: give at "
                "least two `prompts`, or more pairs of `repeats`"
            )
        return self

    @property
    def draws(self) -> int:
        """How many there are of each clip."""
        return len(self.prompts) * (1 if self.repeats == "chosen" else len(self.repeats))

    def encoder(self, audio_repeats: int) -> ClapSettings:
        """What hears the clips, repeated so many times."""
        return ClapSettings(model=self.model, revision=self.revision, audio_repeats=audio_repeats)

    def asked(self, pairs: Sequence[tuple[int, int]]) -> list[ZeroShotDraw]:
        """The draws in their order: prompt by prompt, and of each prompt pair by pair."""
        return [ZeroShotDraw(prompt, *pair) for prompt in self.prompts for pair in pairs]

    def words_of(self, name: str) -> list[str]:
        """What a class is called; without `words` by its name."""
        return words_for(name, self.words)

    def told_version(self) -> str:
        """For the table: which model, by its name on the hub or the digest of its content."""
        identity = self.encoder(1).model_identity()
        name = f"{identity['model']}@{identity['revision']}" if "model" in identity else None
        return f"{name or f'dual encoder {sha256_of_json(identity)[:8]}'}, zero-shot, float32"


def mistakes_in_zero_shot(
    name: str, teacher: ZeroShotSettings, classes: Sequence[str], has_source: bool
) -> Iterator[str]:
    """What `mifuse check` can know without the model."""
    yield from mistakes_in_words(f"teachers.{name}.words", teacher.words, classes)
    if teacher.repeats == "chosen" and not has_source:
        yield (
            f"teachers.{name}.repeats: chosen needs labelled clips to choose on, and there is no `source` section; "
            "add one, or give pairs such as [[1, 1]]"
        )


def missing_model(teacher: ZeroShotSettings) -> Path | None:
    """The model's folder where it is one and is not there."""
    folder = Path(teacher.model)
    return folder if folder.is_absolute() and not folder.is_dir() else None
