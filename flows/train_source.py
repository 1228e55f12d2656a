"""Bootstrap flow: labelled audio of another domain → the classifier teacher's folder. Not part of the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from prefect import flow

from flows.dag import facts_memory, hash_memory
from flows.place import Place, open_place
from flows.settings import SourceSettings
from tasks import index_clips
from tasks.contracts.errors import CheckpointError, ClipsError, SettingsError
from tasks.encoders.features import AudioFile, features_of
from tasks.storage.clips import each_audio_once, read_usable_clips

if TYPE_CHECKING:
    from tasks.students.source import LabelledClips


@flow(name="train_source", flow_run_name="train_source-{pipeline}")
def train_source(pipeline: str, pipelines: str, cache: str, force: bool = False) -> None:
    """Reads: `source.clips` with labels. Writes: the classifier teacher's `path`. Costs: an encoder pass a clip."""
    place = open_place(pipeline, Path(pipelines), Path(cache))
    source, folder = place.settings.source, place.settings.classifier.path
    if source is None:
        raise SettingsError(f'{pipelines}, pipeline "{pipeline}": no `source:`; train-source needs labelled audio.')
    if (folder / "config.json").exists() and not force:
        raise CheckpointError(f"{folder}: holds a classifier already. Train it again with --force, or change its path.")
    _train(place, source, folder)


def _train(place: Place, source: SourceSettings, folder: Path) -> None:
    # Imported here: torch takes seconds, and mistakes are told before.
    from tasks.networks.config import ClassifierConfig
    from tasks.networks.folder import save_classifier
    from tasks.students.source import held_out_ua, train_source_classifier

    clips = _labelled_clips(place, source)
    data = _labelled(clips, place, source)
    config = ClassifierConfig(
        classes=place.settings.classes,
        encoder=source.encoder,
        encoder_identity=source.encoder.identity(),
        n_layers=data.features_NLD.shape[1],
        dim=data.features_NLD.shape[2],
    )
    ua = held_out_ua(data, config, source.seed)
    save_classifier(folder, train_source_classifier(data, config, source.seed), config)
    told = "no second speaker to hold out" if ua is None else f"UA {ua:.1%} on speakers held out"
    print(f"  {'train_source':<24} {clips.height:,} clips, {told} → {folder}", flush=True)


def _labelled_clips(place: Place, source: SourceSettings) -> pl.DataFrame:
    """The usable source clips whose label is one of the pipeline's classes."""
    table = place.shared("work") / f"source-{place.name}.parquet"
    facts = facts_memory(place.cache)
    index_clips.index_clips(source.clips, hash_memory(place.cache, source.clips), facts, table)
    clips = each_audio_once(read_usable_clips(table))
    classes = place.settings.classes
    labelled = clips.filter(pl.col("gold_label").is_in(classes))
    if absent := sorted(set(classes) - set(labelled["gold_label"])):
        found = ", ".join(sorted(set(clips["gold_label"].drop_nulls()))) or "none"
        raise ClipsError(f"source.clips: no clip is labelled {', '.join(absent)}. Labels found: {found}.")
    if left_out := clips.height - labelled.height:
        print(f"  {'train_source':<24} {left_out:,} clips left out: their label is none of {', '.join(classes)}")
    return labelled


def _labelled(clips: pl.DataFrame, place: Place, source: SourceSettings) -> LabelledClips:
    import torch

    from tasks.students.source import LabelledClips

    folder, classifier = source.clips.folder, place.settings.classifier
    files = [AudioFile(s, folder / p, d) for s, p, d in clips.select("sha256", "path", "duration_s").iter_rows()]
    features_NLD = features_of(
        files,
        source.encoder,
        place.shared("features"),
        batch_seconds=classifier.batch_seconds,
        device=classifier.device,
    )
    labels_N = torch.tensor([place.settings.classes.index(label) for label in clips["gold_label"]])
    return LabelledClips(torch.from_numpy(features_NLD), labels_N, clips["speaker"].fill_null("").to_list())
