"""A pipeline whose classifier sits on a WavLM: a small one of random weights, with all of its dropouts live."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile
import torch
import transformers
import yaml

from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.networks.head import Head
from tests.flows.conftest import Project

CLASSES = ["angry", "happy", "sad"]
_CONVOLUTIONS = {"num_feat_extract_layers": 2, "conv_dim": (8, 8), "conv_stride": (10, 16), "conv_kernel": (10, 16)}
_LAYERS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_POSITIONS = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
DROPOUTS = ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout")


def save_wavlm(folder: Path, dropout: float = 0.2, seed: int = 0) -> Path:
    """With 100 frames a second."""
    torch.manual_seed(seed)
    rates = dict.fromkeys(DROPOUTS, dropout)
    config = transformers.WavLMConfig(**_CONVOLUTIONS, **_LAYERS, **_POSITIONS, **rates)
    transformers.WavLMModel(config).eval().save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def save_wavlm_classifier(folder: Path, encoder_folder: Path, seed: int = 0, **head: Any) -> Path:
    """A head of random weights on that encoder."""
    encoder = HuggingFaceSettings(model=str(encoder_folder))
    identity, sizes = encoder.identity(), {"n_layers": 3, "dim": 16, "hidden": 8}
    config = ClassifierConfig(classes=CLASSES, encoder=encoder, encoder_identity=identity, **sizes, **head)
    torch.manual_seed(seed)
    save_classifier(folder, Head(config), config)
    return folder


def record_noise(folder: Path, clips: int) -> None:
    """Clips of half a second to two, with a manifest."""
    rng = np.random.default_rng(0)
    (folder / "audio").mkdir(parents=True)
    names = [f"audio/{n:02}.wav" for n in range(clips)]
    for name in names:
        soundfile.write(folder / name, rng.normal(scale=0.1, size=int(rng.uniform(8_000, 32_000))), 16_000)
    pl.DataFrame({"path": names}).write_csv(folder / "manifest.csv")


def write_pipeline(folder: Path, **classifier: Any) -> None:
    """`pipelines.yaml` with a pipeline `small`; torch has one thread, since the bits depend on how many."""
    teacher = {"kind": "mc_dropout", "path": "classifier", "draws": 4, "dropout": "all", "batch_seconds": 2}
    small = {
        "classes": CLASSES,
        "clips": {"folder": "target", "manifest": "target/manifest.csv"},
        "teachers": {"lalm": {"kind": "simulated"}, "classifier": teacher | {"torch_threads": 1} | classifier},
    }
    (folder / "pipelines.yaml").write_text(yaml.safe_dump({"pipelines": {"small": small}}))


def make_indexed(folder: Path, clips: int) -> Project:
    """Noise, a classifier and `clips.parquet`."""
    project = Project(folder)
    record_noise(folder / "target", clips)
    save_wavlm_classifier(folder / "classifier", save_wavlm(folder / "wavlm"))
    write_pipeline(folder)
    assert project.mifuse("run", "small", "--only", "index_clips").exit_code == 0
    return project


def copy_of(project: Project, to: Path) -> Project:
    """The classifier's config names its encoder by an absolute path, which stays where it was."""
    return Project(Path(shutil.copytree(project.folder, to / "project", symlinks=True)))


def draw(project: Project, **classifier: Any) -> int:
    """How many draws were computed."""
    write_pipeline(project.folder, **classifier)
    result = project.mifuse("run", "small", "--only", "mc_dropout")
    assert result.exit_code == 0, result.output
    record = json.loads((project.results / ".records" / "mc_dropout.classifier.json").read_text())
    return int(record["stats"]["computed"])


def table(project: Project) -> Path:
    return project.results / "draws" / "classifier.parquet"
