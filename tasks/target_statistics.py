"""Stage: `clips.parquet` → `statistics/<teacher>.parquet`, the target's feature statistics, frozen while they hold."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.errors import ClipsError
from tasks.encoders.features import AudioFile
from tasks.networks.config import ClassifierConfig
from tasks.networks.heard import features_for
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.files import replacing
from tasks.storage.tables import read_metadata
from tasks.teachers.mc_dropout import MCDropoutSettings, own_config

if TYPE_CHECKING:
    from tasks.networks.statistics import Statistics

# In standard deviations, root mean square over features. New statistics change every draw, so they must be worth it.
# On emodb, ravdess and nemo (logmel): 10 % more clips drift by 0.015, one more speaker by 0.02 to 0.07, twice the
# speakers by 0.12 to 0.22, the estimate of 100 clips against all by 0.09. A drift of 0.1 changes the label of 4 to 7 %
# of the clips and UA by about a point; 0.3 costs up to 2.5 points.
MAX_DRIFT = 0.1


# NO_CACHE: freshness is decided by our stage records.
@task(name="target_statistics", cache_policy=NO_CACHE)
def target_statistics(
    teacher: MCDropoutSettings,
    classifier: str,
    clips_table: Path,
    folder: Path,
    features: Path,
    frozen: Path | None,
    force: bool,
    out: Path,
) -> dict[str, Any]:
    """Writes the earlier statistics again, unchanged, while the clips have drifted by at most `MAX_DRIFT`.

    Args:
        teacher: The classifier's folder and its device.
        classifier: Its digest; statistics of another one are not kept.
        clips_table: `clips.parquet`.
        folder: What its paths are relative to.
        features: The folder of stored features, shared by all pipelines.
        frozen: What the stage wrote last; None: nothing to keep.
        force: Estimate again in any case.
        out: `statistics/<teacher>.parquet`.

    Raises:
        ClipsError: Fewer than two recordings: one has no deviation.
    """
    from tasks.networks.statistics import statistics_of, write_statistics

    config, files = to_hear(teacher, clips_table, folder)
    found = features_for(config, files, features, batch_seconds=teacher.batch_seconds, device=teacher.device)
    now = statistics_of(found)
    kept, told = _judged(frozen, classifier, now, force)
    if kept is None:
        of = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
        write_statistics(out, now, {"clips": str(len(files)), "clips_sha256": of, "classifier": classifier})
    else:
        with replacing(out) as temporary:  # the same bytes: nothing that reads them becomes stale
            shutil.copyfile(kept, temporary)
    return {"clips": len(files)} | told


def to_hear(teacher: MCDropoutSettings, clips_table: Path, folder: Path) -> tuple[ClassifierConfig, list[AudioFile]]:
    """What is needed of the encoder, and of which recordings, each once.

    That is their time means, however the head pools: frames are many times as much to store and to read.

    Raises:
        ClipsError: Fewer than two recordings: one has no deviation.
    """
    config = own_config(teacher).for_means()
    once = each_audio_once(read_usable_clips(clips_table))
    if once.height < 2:
        raise ClipsError(
            f"{clips_table}: {once.height} usable recording; `standardise: target` estimates a mean and a standard "
            "deviation over the clips and needs at least 2. Set `standardise: source`, or add recordings."
        )
    rows = once.select("sha256", "path", "duration_s").iter_rows()
    return config, [AudioFile(sha256, folder / path, duration_s) for sha256, path, duration_s in rows]


def _judged(frozen: Path | None, classifier: str, now: Statistics, force: bool) -> tuple[Path | None, dict[str, Any]]:
    """What to keep, if anything, and what to tell of it."""
    from tasks.networks.statistics import drift, read_statistics

    if frozen is None:
        return None, {"statistics": "estimated"}
    metadata = read_metadata(frozen)
    if metadata["classifier"] != classifier:
        return None, {"statistics": "re-estimated: another classifier"}
    drifted = drift(read_statistics(frozen), now)
    if force or not drifted <= MAX_DRIFT:
        return None, {"statistics": f"re-estimated{', forced' if force else ''}: drift {drifted:.2g}"}
    return frozen, {"drift": round(drifted, 3), "statistics": f"kept (estimated on {metadata['clips']} clips)"}
