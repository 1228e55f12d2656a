"""Command line: what makes a classifier of labelled audio, and what is done with a student."""

from __future__ import annotations

from pathlib import Path

import click

from flows.located import located


@click.command()
@click.argument("student", type=click.Path(path_type=Path))
@click.argument("audio", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="A .parquet, .csv or .jsonl file; default: a table here.")
@click.option(
    "--draws", type=click.IntRange(2, 256), help="So many dropout passes per clip: columns mi and entropy, in nats."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of these passes.")
@click.option("--device", default="auto", show_default=True, help="Of the encoder: auto, cpu, cuda, cuda:1 …")
@click.option("--no-cache", is_flag=True, help="Take no features from the cache and keep none.")
@located
def predict(
    where: tuple[Path, Path],
    student: Path,
    audio: tuple[Path, ...],
    out: Path | None,
    draws: int | None,
    seed: int,
    device: str,
    no_cache: bool,
) -> None:
    """Let a student name the emotion in files or folders.

    Any number of files: rows are written as they come, and the file appears when all are in it. What cannot be read,
    or is shorter than 0.3 s, longer than 60 s or silent, is named and left out.

    Features are kept in CACHE/features, where there is a cache: then an interrupted run does not repeat them, and the
    next student of the same encoder needs no second pass. A clip takes 1 kB with logmel, 14 kB with Whisper base,
    100 kB with WavLM large; for a million files that are heard once, give --no-cache.
    """
    from flows.predict import PredictOptions, predict_audio

    predict_audio(student, audio, where[1], PredictOptions(out, draws, seed, device, keep=not no_cache))


@click.command()
@click.argument("pipeline")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--onnx", is_flag=True, help="Also as ONNX, compared with torch. Needs `pip install 'mifuse[onnx]'`.")
@located
def export(where: tuple[Path, Path], pipeline: str, folder: Path, onnx: bool) -> None:
    """Write a pipeline's student to a folder of its own, to be given away or published.

    With the encoder that it needs, and a README.md that is its model card: what it was made from, its settings, and
    its scores where there is gold. `mifuse predict FOLDER` loads it. The pipeline must be fresh.
    """
    from flows.export import export_pipeline

    export_pipeline(pipeline, folder, *where, onnx=onnx)


@click.command("train-source")
@click.argument("pipeline")
@click.option("--force", is_flag=True, help="Even where the folder holds a classifier already.")
@located
def train_source(where: tuple[Path, Path], pipeline: str, force: bool) -> None:
    """Train the classifier teacher from labelled audio.

    Reads `source:` in pipelines.yaml, writes the folder that the mc_dropout teacher's `path` names.
    """
    from flows.run import prepare_prefect

    prepare_prefect()
    from flows.train_source import train_source as flow

    flow(pipeline, str(where[0]), str(where[1]), force)
