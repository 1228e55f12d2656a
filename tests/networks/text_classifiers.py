"""Classifiers that hear audio and read what is said: small, with random weights."""

from pathlib import Path
from typing import Any

import torch

from tasks.encoders.clap import ClapSettings
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.statistics import N_STATISTICS
from tasks.encoders.text import TextSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.networks.head import Head
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.networks.late_fusion import LateFusion, named_classes
from tasks.networks.late_fusion_settings import LateFusionPooling
from tests.encoders.clap_models import save_clap
from tests.encoders.text_models import save_text_model

CLASSES = ["angry", "happy", "neutral", "sad"]


def save_text_classifier(folder: Path, model: Path) -> Path:
    """Of logmel and a text encoder, which is saved at `model`; label signals read both."""
    encoder = JoinedSettings(parts=(LogMelSettings(), TextSettings(model=str(save_text_model(model)))))
    return _save(folder, encoder, [(3, 16)], LabelSignalPooling(size=8, heads=1))


def save_fused_classifier(folder: Path, model: Path) -> Path:
    """Of logmel and a CLAP, which is saved at `model`; late fusion hears both."""
    encoder = JoinedSettings(parts=(LogMelSettings(), ClapSettings(model=str(save_clap(model)))))
    return _save(folder, encoder, [(1, 12)], LateFusionPooling())


def _save(folder: Path, encoder: JoinedSettings, beside: list[tuple[int, int]], pooling: Any) -> Path:
    sizes = {"n_layers": 1, "dim": N_STATISTICS, "beside": beside, "hidden": 8}
    config = ClassifierConfig(
        classes=CLASSES, encoder=encoder, encoder_identity=encoder.identity(), pooling=pooling, **sizes
    )
    torch.manual_seed(0)
    head = Head(config)
    head.mean_LD.fill_(5.0)
    head.std_LD.fill_(20.0)  # logmel's numbers are of this order
    if isinstance(head.pooling, LateFusion) and (named := named_classes(config, "cpu")):
        head.pooling.name_classes(*named)
    save_classifier(folder, head, config)
    return folder
