"""Bootstrap flow: labelled audio of another domain → the classifier teacher's folder. Not part of the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from prefect import flow

from flows.classifier_folder import alone_in_classifier_folder
from flows.dag import facts_memory
from flows.place import Place, open_place
from tasks import index_clips
from tasks.contracts.errors import ClipsError, SettingsError
from tasks.encoders.features import AudioFile, features_of
from tasks.storage.clip_source import audio_folder, fetch_source
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.files import sha256_of_json
from tasks.students.source_settings import SourceSettings

if TYPE_CHECKING:
    from tasks.networks.config import ClassifierConfig
    from tasks.students.source import SourceClassifier
    from tasks.students.source_clips import LabelledClips
    from tasks.students.source_encoder import TunedEncoder
    from tasks.students.source_network import Hearing


@flow(name="train_source", flow_run_name="train_source-{pipeline}")
def train_source(pipeline: str, pipelines: str, cache: str, force: bool = False) -> None:
    """Reads: `source.clips` with labels. Writes: the classifier teacher's `path`. Costs: an encoder pass a clip.

    With `trainable` it costs an encoder pass per clip and epoch, forwards and backwards.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    source, folder = place.settings.source, place.settings.classifier.path
    if source is None:
        raise SettingsError(f'{pipelines}, pipeline "{pipeline}": no `source:`; train-source needs labelled audio.')
    with alone_in_classifier_folder(folder, force):
        _train(place, source, folder)


def _train(place: Place, source: SourceSettings, folder: Path) -> None:
    # Imported here: torch takes seconds, and mistakes are told before.
    from tasks.students.source import train_source_classifier
    from tasks.students.source_told import told_clips, told_training
    from tasks.students.source_work import work_in

    table = _labelled_clips(place, source)
    clips = _labelled(table, place, source)
    config = _config(place, source, clips)
    _tell(told_clips(clips, config.classes))
    hearing = _hearing(table, place, source, clips)
    work_folder = place.shared("work") / f"train_source-{_key(table, place, source)[:24]}"
    runs = source.seeds + (0 if source.fine_tunes else 1)
    with work_in(work_folder, runs * source.epochs) as work:
        if work_folder.is_dir():
            _tell("goes on where it was stopped")
        made = train_source_classifier(clips, config, source, work, hearing)
        _save(folder, made, config, hearing, work_folder)
    for line in (*told_training(made, clips, config.classes, source.epochs), f"→ {folder}"):
        _tell(line)


def _tell(line: str) -> None:
    print(f"  {'train_source':<24} {line}", flush=True)


def _labelled_clips(place: Place, source: SourceSettings) -> pl.DataFrame:
    """The usable source clips whose label is one of the pipeline's classes."""
    table = place.shared("work") / f"source-{place.name}.parquet"
    facts = facts_memory(place.cache)
    fetch_source(source.clips, place.cache)
    index_clips.index_clips(source.clips, place.cache, facts, table)
    clips = read_usable_clips(table)
    classes = place.settings.classes
    named = clips.filter(pl.col("gold_label").is_in(classes))
    if unlabelled := each_audio_once(clips).height - each_audio_once(named).height:
        _tell(f"{unlabelled:,} clips left out: their label is none of {', '.join(classes)}")
    labelled = each_audio_once(_without_contradictions(named))
    if absent := sorted(set(classes) - set(labelled["gold_label"])):
        found = ", ".join(sorted(set(clips["gold_label"].drop_nulls()))) or "none"
        raise ClipsError(f"source.clips: no clip is labelled {', '.join(absent)}. Labels found: {found}.")
    return labelled.with_columns(pl.col("speaker").fill_null(""))


def _without_contradictions(named: pl.DataFrame) -> pl.DataFrame:
    """Less the recordings that are there more than once, with more than one label: nobody knows which is right."""
    contradicts = pl.col("gold_label").n_unique().over("sha256") > 1
    if (twice := named.filter(contradicts).sort("sha256", "clip_id")).height:
        first = twice.filter(pl.col("sha256") == twice["sha256"][0]).select("clip_id", "gold_label").iter_rows()
        told = ", ".join(f'"{clip_id}" is {label}' for clip_id, label in first)
        _tell(f"{twice['sha256'].n_unique():,} recordings left out: one and the same has several labels, as in: {told}")
    return named.filter(~contradicts)


def _key(table: pl.DataFrame, place: Place, source: SourceSettings) -> str:
    """Of all that the classifier depends on: where the audio lies and what it is called does not count."""
    from tasks.students.source import CODE_VERSION

    clips = table.select("sha256", "gold_label", "speaker").rows()
    settings = source.fingerprint() | {"encoder": source.encoder.identity(), "classes": place.settings.classes}
    return sha256_of_json({"clips": clips, "settings": settings, "code_version": CODE_VERSION})


def _files(table: pl.DataFrame, place: Place, source: SourceSettings) -> list[AudioFile]:
    folder = audio_folder(source.clips, place.cache, dict(table.select("path", "sha256").iter_rows()))
    rows = table.select("sha256", "path", "duration_s").iter_rows()
    return [AudioFile(sha256, folder / path, duration_s) for sha256, path, duration_s in rows]


def _labelled(table: pl.DataFrame, place: Place, source: SourceSettings) -> LabelledClips:
    import torch

    from tasks.students.source_clips import LabelledClips

    classifier = place.settings.classifier
    # Below an encoder in training stored time means serve to standardise; the frames are heard anew at each step.
    is_framed = source.pooling == "attentive" and not source.fine_tunes
    pooled: dict[str, Any] = {"frames": source.frames} if is_framed else {}
    features = features_of(
        _files(table, place, source),
        source.encoder,
        place.shared("features"),
        batch_seconds=classifier.batch_seconds,
        device=classifier.device,
        **pooled,
    )
    labels_N = torch.tensor([place.settings.classes.index(label) for label in table["gold_label"]])
    return LabelledClips(features, labels_N, table["speaker"].to_list())


def _config(place: Place, source: SourceSettings, clips: LabelledClips) -> ClassifierConfig:
    from tasks.networks.config import ClassifierConfig

    return ClassifierConfig(
        classes=place.settings.classes,
        encoder=source.encoder,
        encoder_identity=source.encoder.identity(),
        n_layers=clips.features.n_layers,
        dim=clips.features.dim,
        pooling=source.pooling,
        frames=source.frames,
    )


def _hearing(table: pl.DataFrame, place: Place, source: SourceSettings, clips: LabelledClips) -> Hearing:
    from tasks.encoders.device import pick_device
    from tasks.students.source_network import Stored

    device = place.settings.classifier.device
    if source.fine_tunes:
        return _tuned(_files(table, place, source), source, device)
    # Time means are small: sending them to a GPU and back would cost more than it gains.
    return Stored(clips.features, pick_device("cpu" if source.pooling == "mean" else device))


def _tuned(files: list[AudioFile], source: SourceSettings, device: str) -> TunedEncoder:
    from tasks.encoders.huggingface import HuggingFaceSettings
    from tasks.encoders.pretrained import PretrainedEncoder
    from tasks.students.source_encoder import TunedEncoder

    assert isinstance(source.encoder, HuggingFaceSettings)  # logmel is refused by the settings
    encoder = source.encoder.build(device)
    assert isinstance(encoder, PretrainedEncoder)
    frames = source.pooling == "attentive"
    return TunedEncoder(encoder, files, source.trainable, frames=frames, float16=source.encoder.precision == "float16")


def _save(folder: Path, made: SourceClassifier, config: ClassifierConfig, hearing: Hearing, work: Path) -> None:
    from tasks.networks.folder import save_classifier

    if not hearing.trained():
        save_classifier(folder, made.head, config)
        return
    from tasks.students.source_encoder import TunedEncoder

    assert isinstance(hearing, TunedEncoder)
    hearing.save(work / "encoder")
    save_classifier(folder, made.head, config, work / "encoder")
