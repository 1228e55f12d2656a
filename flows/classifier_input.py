"""What results take from the classifier's folder: checked, and as one digest."""

from __future__ import annotations

from flows.settings import PipelineSettings
from tasks.contracts.errors import CheckpointError
from tasks.encoders import reads_text
from tasks.networks.checkpoint import is_checkpoint
from tasks.networks.config import WEIGHTS_FILE, ClassifierConfig, check_classes, check_encoder, read_content
from tasks.networks.late_fusion_settings import LateFusionPooling
from tasks.storage.files import sha256_of_file, sha256_of_json
from tasks.students.cohort import CohortSettings
from tasks.students.label_signal import LabelSignalSettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.teachers.mc_dropout import MCDropoutSettings, check_dropout, mapped_config, own_config


def classifier_input(pipeline: PipelineSettings) -> dict[str, str]:
    """The classifier as its teacher uses it: weights, what its labels mean, dropout, encoder.

    Raises:
        CheckpointError: No classifier there, other classes than the pipeline's, another encoder than its own,
            `dropout: all` for an encoder without, statistics of the target for one that does not standardise, or
            classes that it lacks and that a student of it cannot learn.
        TrainingError: A student that goes on with its label signals, and it has none.
    """
    teacher, folder = pipeline.classifier, pipeline.classifier.path
    config = mapped_config(teacher)
    check_classes(config, pipeline.classes, folder, teacher.lacks)
    _check_can_learn(config, teacher)
    check_encoder(config, folder)
    check_dropout(teacher, config)
    if isinstance(pipeline.student, LabelSignalSettings):
        pipeline.student.check_start(config)
    is_theirs = is_checkpoint(read_content(folder))
    if is_theirs:
        _check_unstandardised(pipeline)
    # Of a transformers checkpoint the encoder's identity covers the whole folder.
    weights = None if is_theirs else sha256_of_file(folder / WEIGHTS_FILE)
    # Not where the encoder lies and whether its frames are stored; `encoder_identity` says what it is.
    return {"classifier": sha256_of_json([weights, config.described()])}


def text_columns(pipeline: PipelineSettings) -> list[str]:
    """What of `clips.parquet` the classifier reads beside the audio: the transcript, or nothing."""
    try:
        encoder = own_config(pipeline.classifier).encoder
    except CheckpointError:  # not trained yet, or damaged, which whoever needs it is told by `classifier_input`
        return []
    return ["transcript"] if reads_text(encoder) else []


def _check_can_learn(config: ClassifierConfig, teacher: MCDropoutSettings) -> None:
    """Known before anything is drawn or paid for: `tasks.networks.opening` would refuse it when the student begins."""
    if teacher.lacks and isinstance(config.pooling, LateFusionPooling):
        raise CheckpointError(
            f"{teacher.path}: its late fusion has a score for each class that it knows, so a student of it cannot "
            f"learn {', '.join(teacher.lacks)} (`lacks`). Train it with all classes, or with `pooling: mean`."
        )


def _check_unstandardised(pipeline: PipelineSettings) -> None:
    """Its head expects features as they come: standardised ones would make it talk nonsense."""
    student, asked = pipeline.student, {}
    if pipeline.classifier.standardise == "target":
        asked[f"teachers.{pipeline.classifier_name}"] = "source"
    # `recipe: best` says so, and the trainers that learn its labels.
    if isinstance(student, CohortSettings | LabelSignalSettings | MIFuseSettings) and student.standardise == "target":
        asked["student"] = "teacher"
    if asked:
        found = " and ".join(f"{section}.standardise" for section in asked)
        remedy = " and ".join(f"`standardise: {value}` under {section}" for section, value in asked.items())
        raise CheckpointError(
            f"{pipeline.classifier.path}: {found} is target, but this transformers checkpoint was trained without "
            "standardisation: there are no statistics of its source to put the target's in the place of. Set "
            f"{remedy}."
        )
