"""A classifier's or student's answer to audio files, without dropout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.encoders.features import AudioFile, features_of
from tasks.networks.config import check_encoder, read_config


def predict_files(
    student: Path, files: Sequence[AudioFile], features: Path, device: str = "auto"
) -> tuple[NDArray[np.float64], list[str]]:
    """Class probabilities (N, C) in the student's order of classes, which comes with them.

    Raises:
        CheckpointError: Not a student's folder, or its encoder is not the one that it was trained on.
    """
    import torch

    from tasks.maths.threads import one_thread
    from tasks.networks.folder import load_classifier

    check_encoder(read_config(student), student)
    head, config = load_classifier(student)
    # In the order of content: a matrix product's last bits depend on the row's place, and a name must not.
    in_order = sorted(range(len(files)), key=lambda n: files[n].sha256)
    features_NLD = features_of([files[n] for n in in_order], config.encoder, features, device=device)
    with torch.inference_mode(), one_thread():
        probs_NC = head(torch.from_numpy(features_NLD)).double().softmax(dim=-1).numpy()
    return probs_NC[np.argsort(in_order)], config.classes
