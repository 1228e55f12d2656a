"""A student as ONNX: the head over features, and encoder and head over waves; kept only where it agrees with torch."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tasks.contracts.errors import CheckpointError, SettingsError
from tasks.encoders.base import Encoder, Frames
from tasks.encoders.batches import AudioFile
from tasks.encoders.clap import ClapSettings
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.waves import wave_of
from tasks.encoders.windows import WINDOW
from tasks.networks.config import ClassifierConfig
from tasks.networks.export_waves import wave_classifier
from tasks.networks.head import Head

HEAD_FILE, MODEL_FILE = "head.onnx", "model.onnx"
TOLERANCE = 1e-4  # of a probability

_SHORTEST = 1600  # samples: 0.1 s, which is also the least that an index takes
_ONE_FILE_BYTES = 1 << 30  # a protobuf holds at most 2 GB; larger weights lie in a file beside it
_LOUD = ("torch.onnx", "onnxscript", "onnx_ir")

Inputs = dict[str, NDArray[Any]]
Case = tuple[str, Inputs, torch.Tensor]  # whose, what goes in, what torch makes of it


def check_installed() -> None:
    """Raises SettingsError where a package is missing."""
    if missing := [name for name in ("onnx", "onnxruntime", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise SettingsError(f"--onnx: {', '.join(missing)} is not installed. Run `pip install 'mifuse[onnx]'`.")


def export_onnx(head: Head, config: ClassifierConfig, folder: Path, clips: Sequence[AudioFile]) -> list[Path]:
    """Writes `head.onnx` and, for a pretrained encoder, `model.onnx`; float32 whatever the encoder's precision.

    Args:
        head: In evaluation mode, on the CPU.
        config: Its settings.
        folder: To write to.
        clips: Real ones, at least one, that both files are compared with torch on; their first 30 s.

    Raises:
        CheckpointError: ONNX gives other probabilities than torch, or an encoder that is not made for it.
        ClipsError: A clip that cannot be read.
    """
    encoder = config.encoder
    if isinstance(encoder, ClapSettings | JoinedSettings):
        raise CheckpointError(
            f"--onnx: the student's encoder is of kind {encoder.kind}, which has not been made into a graph. Export "
            "without `--onnx`."
        )
    if isinstance(encoder, HuggingFaceSettings):
        encoder = encoder.model_copy(update={"precision": "float32"})
    cases = _cases(head, encoder.build("cpu"), clips)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write_head(head, config, folder / HEAD_FILE, [heard for _, _, heard, _ in cases])]
    _compare(written[0], [(name, _head_inputs(head, heard), probs) for name, _, heard, probs in cases])
    if isinstance(encoder, HuggingFaceSettings):
        written.append(_write_model(wave_classifier(encoder, head), config, folder / MODEL_FILE, cases[0][1]))
        _compare(written[1], [(name, {"wave": wave[None]}, probs) for name, wave, _, probs in cases])
    return written


@torch.inference_mode()
def _cases(
    head: Head, encoder: Encoder, clips: Sequence[AudioFile]
) -> list[tuple[str, NDArray[np.float32], Frames, torch.Tensor]]:
    """Each clip's name, wave, what the head hears of it, and its probabilities."""
    found = []
    for clip in clips:
        wave = wave_of(clip)[:WINDOW]
        heard = encoder.hear([wave], frames=head.config.hears_frames)
        found.append((str(clip.path), wave, heard, head(heard).softmax(dim=-1)))
    return found


class _OfMeans(nn.Module):
    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Time means (clips, L, D) → (clips, C)."""
        # Not `Frames.of_means`: a len() would write the number of clips into the graph.
        one_frame = torch.ones_like(features[:, 0, 0])
        return self.head(Frames(features[:, :, None], one_frame)).softmax(dim=-1)


class _OfFrames(_OfMeans):
    def forward(self, features: torch.Tensor, n_frames: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Frames (clips, L, T, D) with zeros after each clip's last, and their number → (clips, C)."""
        return self.head(Frames(features, n_frames)).softmax(dim=-1)


def _head_inputs(head: Head, heard: Frames) -> Inputs:
    if not head.config.hears_frames:
        return {"features": heard.means_BLD().numpy()}
    return {"features": heard.values_BLTD.numpy(), "n_frames": heard.n_frames_B.numpy()}


def _write_head(head: Head, config: ClassifierConfig, path: Path, heard: Sequence[Frames]) -> Path:
    clips = torch.export.Dim("clips")
    given = {
        name: torch.from_numpy(array).repeat_interleave(2, 0) for name, array in _head_inputs(head, heard[0]).items()
    }
    if not head.config.hears_frames:
        return _write(_OfMeans(head), config, path, given, {"features": {0: clips}})
    shapes = {"features": {0: clips, 2: torch.export.Dim("frames", min=2)}, "n_frames": {0: clips}}
    return _write(_OfFrames(head), config, path, given, shapes)


def _write_model(network: nn.Module, config: ClassifierConfig, path: Path, wave: NDArray[np.float32]) -> Path:
    samples = torch.export.Dim("samples", min=_SHORTEST, max=WINDOW)
    return _write(network, config, path, {"wave": torch.from_numpy(wave)[None]}, {"wave": {1: samples}})


def _write(
    network: nn.Module,
    config: ClassifierConfig,
    path: Path,
    given: Mapping[str, torch.Tensor],
    shapes: Mapping[str, Mapping[int, Any]],
) -> Path:
    with _quietly():
        program = torch.onnx.export(
            network.eval(),
            tuple(given.values()),
            input_names=list(given),
            output_names=["probabilities"],
            dynamic_shapes=tuple(shapes.values()),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(
        {"classes": json.dumps(config.classes), "sample_rate_hz": "16000", "mifuse": version("mifuse")}
    )
    weights = sum(parameter.nbytes for parameter in network.parameters())
    program.save(path, external_data=weights > _ONE_FILE_BYTES)
    return path


def _compare(path: Path, cases: Sequence[Case]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    for name, inputs, expected in cases:
        (found,) = session.run(None, inputs)
        difference = float(np.abs(found - expected.numpy()).max())
        if not difference <= TOLERANCE:  # NaN too
            raise CheckpointError(
                f"{path.name}: for {name} its probabilities differ from torch's by {difference:.2g}, at most "
                f"{TOLERANCE:g} is allowed. Nothing was exported. Try other versions of torch and onnx, or leave "
                "--onnx out."
            )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter tells of packages that it does not need."""
    levels = {name: logging.getLogger(name).level for name in _LOUD}
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
