"""An encoder and a head in training together on unlabelled clips: the student, and the teacher that follows it."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames, Live
from tasks.encoders.features import AudioFile
from tasks.encoders.hearing import check_finite, hear_parts, together
from tasks.encoders.pretrained import PretrainedEncoder
from tasks.encoders.trainable import Trainable
from tasks.networks.head import Head
from tasks.students.finetune_batch import Micro
from tasks.students.processes import Alone, Processes
from tasks.students.source_encoder import TunedEncoder
from tasks.students.source_network import Network


class ClipsInTraining(TunedEncoder):
    """Keeps `encoders.features.Features` too: what the trainer hears of unlabelled clips, through its own encoder.

    Args:
        encoder: Trained in place: afterwards it is the student's.
        files: The clips, each content once.
        trainable: Which part of the encoder.
        frames: All frames rather than time means.
        float16: Whether the encoder computes in that precision.
        teacher_drops: Whether the moving teacher's encoder has its dropout live too (`dropout: all`).
        processes: Who trains together.
    """

    def __init__(
        self,
        encoder: PretrainedEncoder,
        files: Sequence[AudioFile],
        trainable: Trainable,
        *,
        frames: bool = False,
        float16: bool = False,
        teacher_drops: bool = False,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(encoder, files, trainable, frames=frames, float16=float16, section="student")
        self.n_layers, self.dim = encoder.n_layers, encoder.dim
        self.files, self.encoder, self.teacher_drops = list(files), encoder, teacher_drops
        self.processes = processes or Alone()
        self._trainable, self._is_framed = trainable, frames

    def __len__(self) -> int:
        return len(self.files)

    def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None = None) -> Frames:
        """Keeps `Features.rows`."""
        return super().rows(rows_B, dropout)

    def twin(self) -> ClipsInTraining:
        """The same clips under a copy of the encoder."""
        return ClipsInTraining(
            self.encoder.twin(), self.files, self._trainable, frames=self._is_framed, float16=self.is_float16
        )

    def live(self, rows: Sequence[int], draws: Sequence[int], seed: int) -> Live:
        """These clips with dropout in the encoder: a clip's own masks, whatever batch and process it is in."""
        return Live(self._keys_N[list(rows)], tuple(draws), seed)

    def hear(self, micro: Micro, live: Live | None, *, gradients: bool) -> Frames:
        """A micro-batch, with `live` each clip as K rows.

        Raises:
            TrainingError: A number that is not finite.
            CheckpointError: Without gradients: no memory for one clip in one draw.
        """
        files = [self.files[row] for row in micro.rows]
        try:
            if not gradients:
                parts = hear_parts(self.encoder, files, micro.waves, frames=self._is_framed, live=live)
                return together([heard for _, heard in parts])
            heard = self.encoder.hear(micro.waves, frames=self._is_framed, live=live)
            check_finite(heard, files)
        except CheckpointError as error:
            raise self.ran_away(error) from error
        return heard


class TunedNetwork(Network):
    """Clips in, logits out, with all chance derived from seed, draw number and clip."""

    hearing: ClipsInTraining

    def twin(self) -> TunedNetwork:
        """A copy that shares the weights that are not trained."""
        return TunedNetwork(copy.deepcopy(self.head), self.hearing.twin())

    def passes(self, micro: Micro, keys_MK: torch.Tensor, live: Live | None, *, gradients: bool) -> torch.Tensor:
        """Logits of K passes, shape (M, K, C), on the device.

        Args:
            micro: M clips.
            keys_MK: Of the masks in the head.
            live: With dropout in the encoder too, which then runs K times instead of once.
            gradients: Whether they are wanted.
        """
        keys = keys_MK.to(self.hearing.device)
        with torch.set_grad_enabled(gradients):
            heard = self.hearing.hear(micro, live, gradients=gradients)
            if len(heard) == len(keys):
                return _logits(self.head, heard, keys)
            return _logits(self.head, heard, keys.flatten()[:, None])[:, 0].unflatten(0, keys.shape)

    @torch.no_grad()
    def follow(self, student: Network, ema: float) -> None:
        """Equation 7 of `docs/method.md`, over all that is trained."""
        own = [parameter.detach() for parameter in self.parameters()]
        torch._foreach_lerp_(own, [parameter.detach() for parameter in student.parameters()], 1 - ema)


def _logits(head: Head, heard: Frames, keys_RK: torch.Tensor) -> torch.Tensor:
    logits_RKC: torch.Tensor = head(heard, head.keyed_masks(keys_RK))
    return logits_RKC
