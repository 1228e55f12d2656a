"""What a student's fine-tuning starts from: the classifier's own encoder, over the clips that have a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.contracts.errors import CheckpointError
from tasks.encoders.features import AudioFile
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig, check_encoder
from tasks.networks.heard import check_fits
from tasks.students.finetune_settings import FineTuneSettings
from tasks.teachers.mc_dropout import MCDropoutSettings

if TYPE_CHECKING:
    from tasks.students.finetune_network import ClipsInTraining
    from tasks.students.processes import Processes


def clips_in_training(
    student: FineTuneSettings,
    classifier: MCDropoutSettings,
    config: ClassifierConfig,
    files: Sequence[AudioFile],
    processes: Processes,
) -> ClipsInTraining:
    """The encoder, built and thawed, in the place of stored features.

    Args:
        student: Which part of it is trained.
        classifier: Its device, and which dropouts are live in the moving teacher's draws.
        config: Of the classifier: its encoder, in whose `precision` training runs too, and its pooling.
        files: Each clip once.
        processes: Who trains together.

    Raises:
        CheckpointError: The encoder has no weights, fewer layers than are to be trained, or is another one than the
            head was trained on.
    """
    from tasks.students.finetune_network import ClipsInTraining

    encoder = config.encoder
    if not isinstance(encoder, HuggingFaceSettings):
        raise CheckpointError(
            f"{classifier.path}: its encoder is {encoder.kind}, which has no weights to train or stays as it is. Take "
            "`student.trainable` away, or give a classifier with an encoder of kind huggingface."
        )
    check_encoder(config, classifier.path)
    built = encoder.build(processes.device or classifier.device)
    check_fits(config, built)
    return ClipsInTraining(
        built,
        files,
        student.trainable,
        frames=config.hears_frames,
        float16=encoder.precision == "float16",
        teacher_drops=classifier.makes_encoder_passes,
        processes=processes,
    )
