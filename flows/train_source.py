"""Bootstrap flow: labelled audio of another domain → the classifier teacher's folder. Not part of the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from prefect import flow

from flows.classifier_folder import alone_in_classifier_folder
from flows.labelled_source import labelled_source
from flows.place import Place, open_place
from tasks.contracts.errors import ClipsError, SettingsError
from tasks.encoders import reads_text
from tasks.encoders.clip_files import files_in
from tasks.encoders.features import AudioFile, features_of
from tasks.storage.clip_source import audio_folder
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
    _check_labels(place)
    with alone_in_classifier_folder(folder, force):
        _train(place, source, folder)


def _check_labels(place: Place) -> None:
    """A classifier of the pipeline's own classes has no other labels that could be mapped, nor numbers near places."""
    classifier, name = place.settings.classifier, place.settings.classifier_name
    if found := [setting for setting in ("labels", "places") if getattr(classifier, setting)]:
        raise SettingsError(
            f"teachers.{name}.{found[0]}: train-source makes a classifier of the pipeline's own classes; `{found[0]}` "
            "says that it is another. Train that one in a pipeline with its own `classes`, or take "
            f"`{found[0]}` out."
        )


def _train(place: Place, source: SourceSettings, folder: Path) -> None:
    # Imported here: torch takes seconds, and mistakes are told before.
    from tasks.students.source import train_source_classifier
    from tasks.students.source_told import told_clips, told_training
    from tasks.students.source_work import work_in

    table = labelled_source(place, source, _tell)
    _check_said(table, source)
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
        _save(folder, made, hearing, work_folder)
    for line in (*told_training(made, clips, config.classes, source.epochs), f"→ {folder}"):
        _tell(line)


def _check_said(table: pl.DataFrame, source: SourceSettings) -> None:
    """A text encoder without any text would learn nothing of it."""
    silent = table.filter(pl.col("transcript").fill_null("").str.strip_chars() == "").height
    if not reads_text(source.encoder) or not silent:
        return
    if silent == table.height:
        raise ClipsError(
            "source.clips: no clip has a transcript, and source.encoder has a part of kind text. Give a manifest with "
            "a column `transcript`, or take that part away."
        )
    _tell(f"{silent:,} of {table.height:,} clips have no transcript: of these the audio alone is heard")


def _tell(line: str) -> None:
    print(f"  {'train_source':<24} {line}", flush=True)


def _key(table: pl.DataFrame, place: Place, source: SourceSettings) -> str:
    """Of all that the classifier depends on: where the audio lies and what it is called does not count."""
    from tasks.students.source import CODE_VERSION

    said = ["transcript"] if reads_text(source.encoder) else []
    clips = table.select("sha256", "gold_label", "speaker", *said).rows()
    settings = source.fingerprint() | {"encoder": source.encoder.identity(), "classes": place.settings.source_classes}
    return sha256_of_json({"clips": clips, "settings": settings, "code_version": CODE_VERSION})


def _files(table: pl.DataFrame, place: Place, source: SourceSettings) -> list[AudioFile]:
    folder = audio_folder(source.clips, place.cache, dict(table.select("path", "sha256").iter_rows()))
    return files_in(table, folder, table)


def _labelled(table: pl.DataFrame, place: Place, source: SourceSettings) -> LabelledClips:
    import torch

    from tasks.students.source_clips import LabelledClips

    classifier = place.settings.classifier
    # Below an encoder in training stored time means serve to standardise; the frames are heard anew at each step.
    is_framed = source.hears_frames and not source.fine_tunes
    pooled: dict[str, Any] = {"frames": source.frames} if is_framed else {}
    features = features_of(
        _files(table, place, source),
        source.encoder,
        place.shared("features"),
        batch_seconds=classifier.batch_seconds,
        device=classifier.device,
        **pooled,
    )
    labels_N = torch.tensor([place.settings.source_classes.index(label) for label in table["gold_label"]])
    return LabelledClips(features, labels_N, table["speaker"].to_list())


def _config(place: Place, source: SourceSettings, clips: LabelledClips) -> ClassifierConfig:
    from tasks.networks.config import ClassifierConfig
    from tasks.networks.heard import beside_of

    return ClassifierConfig(
        classes=place.settings.source_classes,
        encoder=source.encoder,
        encoder_identity=source.encoder.identity(),
        n_layers=clips.features.n_layers,
        dim=clips.features.dim,
        beside=beside_of(clips.features),
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
    return Stored(clips.features, pick_device(device if source.hears_frames else "cpu"))


def _tuned(files: list[AudioFile], source: SourceSettings, device: str) -> TunedEncoder:
    from tasks.encoders.huggingface import HuggingFaceSettings
    from tasks.encoders.pretrained import PretrainedEncoder
    from tasks.students.source_encoder import TunedEncoder

    assert isinstance(source.encoder, HuggingFaceSettings)  # logmel is refused by the settings
    encoder = source.encoder.build(device)
    assert isinstance(encoder, PretrainedEncoder)
    frames = source.hears_frames
    return TunedEncoder(encoder, files, source.trainable, frames=frames, float16=source.encoder.precision == "float16")


def _save(folder: Path, made: SourceClassifier, hearing: Hearing, work: Path) -> None:
    from tasks.networks.folder import save_classifier

    if not hearing.trained():
        save_classifier(folder, made.head, made.head.config)
        return
    from tasks.students.source_encoder import TunedEncoder

    assert isinstance(hearing, TunedEncoder)
    hearing.save(work / "encoder")
    save_classifier(folder, made.head, made.head.config, work / "encoder")
