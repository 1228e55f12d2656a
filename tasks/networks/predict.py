"""A classifier's or student's answer to audio files, without dropout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.encoders.features import AudioFile, Features
from tasks.networks.config import check_encoder, read_config
from tasks.networks.heard import clips_at_once, features_for

if TYPE_CHECKING:
    from tasks.networks.head import Head


def predict_files(
    student: Path, files: Sequence[AudioFile], features: Path, device: str = "auto"
) -> tuple[NDArray[np.float64], list[str]]:
    """Class probabilities (N, C) in the student's order of classes, which comes with them.

    Raises:
        CheckpointError: Not a student's folder, or its encoder is not the one that it was trained on.
    """
    from tasks.networks.folder import load_classifier

    check_encoder(read_config(student), student)
    head, config = load_classifier(student)
    # In the order of content: a matrix product's last bits depend on the row's place, and a name must not.
    in_order = sorted(range(len(files)), key=lambda n: files[n].sha256)
    found = features_for(config, [files[n] for n in in_order], features, device=device)
    probs_NC = np.concatenate([np.zeros((0, len(config.classes))), *_answers(head, found, clips_at_once(config))])
    return probs_NC[np.argsort(in_order)], config.classes


def _answers(head: Head, features: Features, at_once: int) -> Iterator[NDArray[np.float64]]:
    """A chunk at a time: memory does not grow with the number of clips."""
    import torch

    from tasks.maths.threads import one_thread

    for at in range(0, len(features), at_once):
        heard = features.rows(range(at, min(at + at_once, len(features)))).to("cpu")
        with torch.inference_mode(), one_thread():
            probs_BC = head(heard).double().softmax(dim=-1).numpy()
        yield probs_BC
