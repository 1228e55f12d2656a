"""The cohort trainer: many small students that teach each other, and one student that learns from the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.contracts.settings import Settings
from tasks.encoders import Part, RepresentationSettings, parts_of, reads_text
from tasks.encoders.logmel import LogMelSettings
from tasks.storage.files import sha256_of_json
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import Checkpoint, Student, TrainingData

_CODE_VERSION = 2  # raised when the same settings train another cohort, or keep its state otherwise
RHOS = (0.99, 3.0)  # how strongly the best teach, to choose from, beside not at all; the paper's


class CohortSettings(Settings):
    """`student: {kind: cohort}`: Meta Fusion (arXiv:2507.20089), distilled into one student.

    Labels as `recipe: best` makes them.
    """

    kind: Literal["cohort"] = "cohort"
    # Beside what the classifier hears; each more than doubles the cohort. No `joined`: its parts are named one by one.
    representations: Annotated[tuple[Part, ...], Field(max_length=3)] = (LogMelSettings(),)
    labels: Literal["fused", "generative"] = "generative"
    standardise: Literal["teacher", "target"] = "target"
    member_steps: int = Field(default=600, ge=1)  # of each phase
    distil_steps: int = Field(default=1500, ge=1)
    diversity: float = Field(default=0.5, ge=0)  # this and all below: of the one student
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _each_once(self) -> CohortSettings:
        if len(self.representations) != len({each.model_dump_json() for each in self.representations}):
            raise ValueError("`representations`: one of them stands there twice; take it away")
        return self

    def fingerprint(self) -> dict[str, Any]:
        """Which representations, not where they lie: what they are is an input of its own."""
        kinds = [each.kind for each in self.representations]
        return super().fingerprint() | {"representations": kinds, "code_version": _CODE_VERSION}

    @property
    def uses(self) -> Uses:
        """What the labels are made of, where they are not taken as they stand."""
        return self.distilling.uses

    @property
    def steps(self) -> int:
        """Of all that is done: every phase of the cohort, and the one student."""
        return self.member_steps * (1 + len(RHOS)) + self.distil_steps

    @property
    def reads_text(self) -> bool:
        """Whether a member hears what is said."""
        return any(reads_text(each) for each in self.representations)

    @property
    def distilling(self) -> MIFuseSettings:
        """How the one student learns: as MI-Fuse's without a moving teacher."""
        shared = self.model_dump(include={"labels", "standardise", "diversity", "batch_size", "learning_rate"})
        shared |= self.model_dump(include={"weight_decay", "warmup", "seed"})
        return MIFuseSettings(teacher_refresh="never", steps=self.distil_steps, **shared)

    def outside(self) -> dict[str, str]:
        """The encoders of the representations, by their content.

        Raises:
            CheckpointError: One that is not there.
        """
        return {"representations": sha256_of_json([each.identity() for each in self.representations])}

    def beside(self, encoder: RepresentationSettings) -> list[Part]:
        """The representations that a classifier with this encoder does not hear anyway."""
        return [each for each in self.representations if not _is_heard(each, encoder)]

    def heard_twice(self, encoder: RepresentationSettings) -> list[str]:
        """What to say of those that are asked for though the classifier hears them anyway."""
        if "representations" not in self.model_fields_set:
            return []
        twice = [each.kind for each in self.representations if _is_heard(each, encoder)]
        return [f"student.representations: the classifier hears {kind} already; it counts once" for kind in twice]

    def train(
        self,
        start: Head,
        data: TrainingData,
        classes: Sequence[str],
        resume: Checkpoint | None,
        keep: Callable[[Checkpoint], None],
        report: Callable[[int], object],
        note: Callable[[dict[str, float]], object] = lambda point: None,
    ) -> Student:
        """Trains the cohort, then a student that starts from the classifier; arguments as of `MIFuseSettings.train`.

        Raises:
            TrainingError: As `MIFuseSettings.train`; or too few clips have what a representation is made of.
        """
        from tasks.students.cohort_training import train_cohort

        return train_cohort(self, start, data, classes, resume, keep, report, note)


def _is_heard(part: Part, encoder: RepresentationSettings) -> bool:
    """By what it is, as fingerprints have it, not by where it lies."""
    alike = [other for other in parts_of(encoder) if other.kind == part.kind]
    return part in alike or (bool(alike) and part.identity() in [other.identity() for other in alike])
