"""A student's answers to any number of audio files, some at a time: memory does not grow with how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.encoders.base import Encoder, Frames
from tasks.encoders.batches import AudioFile, plan_batches
from tasks.encoders.hearing import hear_batches
from tasks.maths.threads import one_thread
from tasks.maths.uncertainty import entropy, mean_draw, mutual_information
from tasks.networks.config import check_encoder, read_config
from tasks.networks.folder import load_classifier
from tasks.networks.heard import check_fits, clips_at_once
from tasks.networks.passes import dropout_passes
from tasks.networks.predict_kept import KeptFeatures

_BATCH_SECONDS = 240.0
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Doubt:
    """How much K dropout passes of the student disagree: `mi`, and `entropy` of their mean; both (N,), nats."""

    mi_N: FloatArray
    entropy_N: FloatArray


class Predictor:
    """A student at work.

    Args:
        student: Its folder, or any classifier's.
        features: Where features are looked for and kept; None to keep none.
        draws: So many dropout passes per clip tell how sure the answer is; None for none.
        seed: Of their masks. A clip's masks derive from it, its content and the pass: its company does not matter.
        device: Of the encoder; see `pick_device`.

    Raises:
        CheckpointError: Not a student's folder, or its encoder is not the one that it was trained on.
    """

    def __init__(
        self, student: Path, features: Path | None, *, draws: int | None = None, seed: int = 0, device: str = "auto"
    ) -> None:
        check_encoder(read_config(student), student)
        self._head, self.config = load_classifier(student)
        self._draws, self._seed, self._device = draws, seed, device
        self._frames = self.config.hears_frames
        is_kept = features is not None and not (self._frames and self.config.frames == "recompute")
        self._kept = KeptFeatures(self.config, features, _BATCH_SECONDS, device) if features and is_kept else None

    @cached_property
    def _encoder(self) -> Encoder:
        """Loaded only when it is to hear something; of several parts those that hear audio."""
        encoder: Encoder = self.config.encoder.build(self._device)
        check_fits(self.config, encoder)
        return encoder

    def answer(
        self, files: Sequence[AudioFile], told: Callable[[Sequence[AudioFile]], object] = lambda heard: None
    ) -> tuple[FloatArray, Doubt | None]:
        """Class probabilities (N, C) without dropout, and with `draws` the doubt about each.

        Args:
            files: The clips; the same recording may occur twice.
            told: Hears of recordings as they are heard, each once.

        Raises:
            CheckpointError: As `hear_batches`, or features of another shape than the head's.
            ClipsError: A recording that can no longer be read.
        """
        # In the order of content: a matrix product's last bits depend on the row's place, and a name must not.
        once = sorted({file.sha256: file for file in files}.values(), key=lambda file: file.sha256)
        place = {file.sha256: n for n, file in enumerate(once)}
        probs_NC = np.empty((len(once), len(self.config.classes)))
        doubt = Doubt(np.empty(len(once)), np.empty(len(once)))
        for some, heard in self._heard(once, told):
            rows = [place[file.sha256] for file in some]
            with torch.inference_mode(), one_thread():
                probs_NC[rows] = self._head(heard).double().softmax(dim=-1).numpy()
                if self._draws:
                    doubt.mi_N[rows], doubt.entropy_N[rows] = self._doubt(some, heard, self._draws)
        asked = [place[file.sha256] for file in files]
        return probs_NC[asked], Doubt(doubt.mi_N[asked], doubt.entropy_N[asked]) if self._draws else None

    def _doubt(self, files: Sequence[AudioFile], heard: Frames, draws: int) -> tuple[FloatArray, FloatArray]:
        drawn = dropout_passes(self._head, heard, [file.sha256 for file in files], draws, self._seed)
        probs_NKC: FloatArray = drawn.numpy()
        return mutual_information(probs_NKC), entropy(mean_draw(probs_NKC))

    def _heard(
        self, files: list[AudioFile], told: Callable[[Sequence[AudioFile]], object]
    ) -> Iterator[tuple[Sequence[AudioFile], Frames]]:
        """What the head hears of each clip, on the CPU."""
        if self._kept is None:
            for some, heard in hear_batches(
                self._encoder, plan_batches(files, (), _BATCH_SECONDS), frames=self._frames
            ):
                told(some)
                yield some, heard.to("cpu")
            return
        found = self._kept.of(files, told)
        check_fits(self.config, found)
        at_once = clips_at_once(self.config)
        for at in range(0, len(files), at_once):
            rows = range(at, min(at + at_once, len(files)))
            yield files[at : rows.stop], found.rows(rows)
