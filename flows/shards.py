"""Flow: the encoder's work in shards, each a Prefect task, on the runner that the teacher's settings name."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from prefect import flow
from prefect.futures import PrefectFuture

from flows.task_runners import outcome_of, shards_at_once, task_runner, worker_settings, workers_ready
from tasks.contracts.progress import audio_progress_bar
from tasks.encoders import AudioPart, audio_parts
from tasks.encoders.batches import AudioFile
from tasks.encoders.shards import Batch, ShardSize, count_shards, plan_shards
from tasks.encoders.storing import store_folder
from tasks.encoders.worker import ShardDone
from tasks.mc_dropout import compute_shard
from tasks.networks.config import ClassifierConfig
from tasks.storage.features import FeatureStore
from tasks.storage.mc_draws import DrawStore
from tasks.teachers.mc_dropout import MCDropoutSettings
from tasks.teachers.shards import DrawJob, FeatureJob
from tasks.teachers.zero_shot import ZeroShotSettings

_Teacher = MCDropoutSettings | ZeroShotSettings  # what has a runner, a device and batches

PLAN_FILE = "plan.parquet"
_OF_FEATURES = ShardSize(clips=512, batches=8)
_OF_DRAWS = ShardSize(clips=512, batches=1)  # K passes each


def compute_missing_features(
    teacher: MCDropoutSettings, config: ClassifierConfig, files: Sequence[AudioFile], features: Path, work: Path
) -> list[ShardDone]:
    """Computes what is not stored of the files' features; nothing is started when nothing is missing.

    Args:
        teacher: Its runner, device, batches.
        config: Of the classifier.
        files: All recordings.
        features: The folder of stored features.
        work: The run's own folder, where the plan is kept in case that it is interrupted.
    """
    done: list[ShardDone] = []
    for n, part in enumerate(audio_parts(config.encoder)):  # transcripts are read where the draws are made
        frames = config.hears_frames and n == 0
        if not (frames and config.frames == "recompute"):
            done += compute_encoder_features(teacher, part, files, features, work, frames=frames)
    return done


def compute_encoder_features(
    teacher: _Teacher,
    encoder: AudioPart,
    files: Sequence[AudioFile],
    features: Path,
    work: Path,
    *,
    frames: bool = False,
) -> list[ShardDone]:
    """The same of any encoder, on the teacher's runner."""
    job = FeatureJob(encoder=encoder, store=store_folder(encoder, features, frames=frames), frames=frames)
    known = FeatureStore(job.store).known()
    missing = [file for file in files if file.sha256 not in known]
    return _compute(job, [Batch(missing)] if missing else [], teacher, work, _OF_FEATURES)


def compute_missing_draws(job: DrawJob, files: Sequence[AudioFile], work: Path) -> list[ShardDone]:
    """`dropout: all`: computes what is not kept of the files' draws; nothing is started when nothing is missing."""
    of_sha256 = {file.sha256: file for file in files}
    groups = DrawStore(job.kept).missing(list(of_sha256), job.teacher.draws)
    missing = [Batch([of_sha256[sha256] for sha256 in sha256s], draws) for draws, sha256s in groups.items()]
    return _compute(job, missing, job.teacher, work, _OF_DRAWS)


def _compute(
    job: FeatureJob | DrawJob, missing: list[Batch], teacher: _Teacher, work: Path, size: ShardSize
) -> list[ShardDone]:
    if not missing:
        return []
    plan, runner = work / PLAN_FILE, task_runner(teacher.runner)
    plan_shards(plan, missing, teacher.batch_seconds, size)
    return _shards.with_options(task_runner=runner)(job, plan, teacher)


# Not validated: it would only build the same settings again.
@flow(name="shards", validate_parameters=False)
def _shards(job: FeatureJob | DrawJob, plan: Path, teacher: _Teacher) -> list[ShardDone]:
    """Reads: the plan, audio, the encoder. Writes: features or draws, shard by shard. Costs: an encoder pass a clip."""
    shards, clips = count_shards(plan)
    with workers_ready(teacher.runner), audio_progress_bar(job.told(), clips) as bar:
        done = []
        for shard in _in_turn(job, plan, teacher, shards):
            bar.heard(shard.clips, shard.audio_s)
            done.append(shard)
    return done


def _in_turn(job: FeatureJob | DrawJob, plan: Path, teacher: _Teacher, shards: int) -> Iterator[ShardDone]:
    """The finished shards. After a failure none is begun, those that have begun are finished, then it is raised."""
    worker, coming = worker_settings(teacher), deque(range(shards))
    waiting: deque[PrefectFuture[ShardDone]] = deque()
    failure: BaseException | None = None
    while coming or waiting:
        while coming and len(waiting) < shards_at_once(teacher.runner):
            waiting.append(compute_shard.submit(job, plan, coming.popleft(), worker))
        outcome = outcome_of(waiting.popleft(), teacher.runner)
        if isinstance(outcome, ShardDone):
            yield outcome
        else:
            failure = failure or outcome
            coming.clear()
    if failure is not None:
        raise failure
