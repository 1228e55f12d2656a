"""What a worker computes of a shard: the features of its clips, or all of the classifier's draws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import Settings
from tasks.encoders import AudioPart, reads_text
from tasks.encoders.base import Live
from tasks.encoders.batches import AudioFile
from tasks.encoders.features import Part, store_batches
from tasks.encoders.shards import Batch
from tasks.encoders.text import row_keys
from tasks.encoders.worker import loaded_once
from tasks.networks.config import ClassifierConfig
from tasks.networks.heard import check_fits, clips_at_once, features_for
from tasks.storage.features import FeatureStore
from tasks.storage.files import sha256_of_json
from tasks.storage.mc_draws import DrawStore
from tasks.teachers.mc_dropout import MCDropoutSettings, draw_by_dropout, identity_of_draws, own_config

if TYPE_CHECKING:
    from tasks.encoders.base import Encoder
    from tasks.encoders.pretrained import PretrainedEncoder
    from tasks.networks.head import Head


_SHARD_CLIPS = 4096  # of the head's draws: what a killed run makes again takes seconds


class FeatureJob(Settings):
    """`dropout: head`, or the target's statistics: the encoder runs once over each clip.

    Attributes:
        encoder: Which.
        store: The folder of its features; see `store_folder`.
        frames: Store all frames, not their mean over time.
    """

    encoder: AudioPart
    store: Path
    frames: bool = False

    def told(self) -> str:
        """For the progress bar."""
        return f"features ({self.encoder.kind})"

    def compute(self, batches: Sequence[Batch], device: str) -> None:
        """Writes one shard of features."""
        encoder: Encoder = loaded_once((self, device), lambda: self.encoder.build(device))
        store_batches(encoder, [batch.files for batch in batches], FeatureStore(self.store), frames=self.frames)


class DrawJob(Settings):
    """The classifier's draws.

    Attributes:
        teacher: The classifier's folder, and what its draws are to be.
        statistics: The target's; None: the classifier's own.
        kept: The folder of this classifier's draws; see `draw_job`.
    """

    teacher: MCDropoutSettings
    statistics: Path | None
    kept: Path

    def told(self) -> str:
        """For the progress bar."""
        return f"{self.teacher.draws} draws of each clip"

    def compute(self, batches: Sequence[Batch], device: str) -> None:
        """`dropout: all`: writes one shard of draws."""
        classifier = loaded_once((self, device), lambda: _load(self, device))
        for draws, same in groupby(batches, key=lambda batch: batch.draws):
            _draw(self, classifier, [batch.files for batch in same], draws)


class _Classifier(NamedTuple):
    head: Head
    config: ClassifierConfig
    encoder: PretrainedEncoder


def draw_job(teacher: MCDropoutSettings, config: ClassifierConfig, statistics: Path | None, mc_draws: Path) -> DrawJob:
    """The job whose draws lie below `mc_draws` under all that decides them."""
    identity = sha256_of_json(identity_of_draws(teacher, config, statistics))
    return DrawJob(teacher=teacher, statistics=statistics, kept=mc_draws / identity[:16])


def load_head(job: DrawJob) -> Head:
    """The classifier's head with its own labels, standardising as the job says, on the CPU."""
    from tasks.networks.folder import load_classifier
    from tasks.networks.statistics import read_statistics

    teacher = job.teacher
    head, _ = load_classifier(teacher.path, {}, teacher.dropout_rate, teacher.placed)
    if job.statistics is not None:
        head.standardise_by(read_statistics(job.statistics))
    return head


def draw_by_head(job: DrawJob, config: ClassifierConfig, files: Sequence[AudioFile], features: Path) -> int:
    """`dropout: head`: makes and keeps the draws that are not kept yet; how many those were."""
    teacher, store = job.teacher, DrawStore(job.kept)
    of_key = dict(zip(row_keys(files, reads_text=reads_text(config.encoder)), files, strict=True))
    missing = store.missing(list(of_key), teacher.draws)
    if not missing:
        return 0
    head = load_head(job)
    for draws, keys in missing.items():
        some = [of_key[key] for key in keys]
        found = features_for(config, some, features, batch_seconds=teacher.batch_seconds, device=teacher.device)
        for at in range(0, len(keys), _SHARD_CLIPS):
            part = range(at, min(at + _SHARD_CLIPS, len(keys)))
            shard = keys[at : part.stop]  # which begin with the audio's sha256: masks do not depend on what is said
            probs_NKC = draw_by_dropout(head, Part(found, part), shard, draws, teacher.seed, clips_at_once(config))
            store.add(shard, draws, probs_NKC)
    return sum(len(draws) * len(keys) for draws, keys in missing.items())


def _load(job: DrawJob, device: str) -> _Classifier:
    from tasks.encoders.device import pick_device

    teacher = job.teacher
    config = own_config(teacher)
    encoder: PretrainedEncoder = config.encoder.build(device)  # type: ignore[assignment]
    check_fits(config, encoder)
    if not encoder.has_dropout:
        raise CheckpointError(
            f"{config.encoder.model}: all dropouts in this encoder's config.json are 0, so `dropout: all` has nothing "  # type: ignore[union-attr]
            "to switch on in it and its draws would differ by the head alone. Set `dropout: head`: the same at a "
            "fraction of the cost."
        )
    return _Classifier(load_head(job).to(pick_device(device)), config, encoder)


def _draw(job: DrawJob, classifier: _Classifier, batches: list[list[AudioFile]], draws: tuple[int, ...]) -> None:
    import numpy as np
    import torch

    from tasks.encoders.hearing import hear_batches
    from tasks.maths.masks import clip_keys
    from tasks.networks.passes import dropout_passes

    seed, sha256s, parts = job.teacher.seed, [], []

    def live(files: list[AudioFile]) -> Live:
        return Live(clip_keys([file.sha256 for file in files]), draws, seed)

    frames = classifier.config.hears_frames
    for files, heard in hear_batches(classifier.encoder, batches, frames=frames, live=live):
        batch = [file.sha256 for file in files]
        with torch.inference_mode():
            parts.append(dropout_passes(classifier.head, heard, batch, draws, seed).cpu().numpy())
        sha256s += batch
    DrawStore(job.kept).add(sha256s, draws, np.concatenate(parts))
