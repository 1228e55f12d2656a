"""Mean and standard deviation of each feature over a domain's clips: what the head standardises by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from tasks.contracts.errors import CheckpointError, TableError
from tasks.encoders.features import Features
from tasks.storage.files import replacing

_CHUNK_CLIPS = 32  # where frames are kept, not means, each clip is some megabytes
_LEAST_STD = 1e-5  # a feature that never varies says nothing; dividing by 0 would
_SCHEMA = {"layer": pl.Int32(), "feature": pl.Int32(), "mean": pl.Float32(), "std": pl.Float32()}


@dataclass(frozen=True)
class Statistics:
    """Over clips' time means, per layer and feature, shapes (L, D), float32."""

    mean_LD: torch.Tensor
    std_LD: torch.Tensor


def statistics_of(features: Features) -> Statistics:
    """Of all the clips, each clip counted once however long it is; a chunk at a time."""
    count = 0
    mean_LD = torch.zeros(features.n_layers, features.dim, dtype=torch.float64)
    squares_LD = torch.zeros_like(mean_LD)
    for at in range(0, len(features), _CHUNK_CLIPS):
        chunk = features.rows(range(at, min(at + _CHUNK_CLIPS, len(features)))).means_BLD().double().cpu()
        # Chan et al. 1979: sums of squares of two parts joined without cancellation.
        shift_LD = chunk.mean(dim=0) - mean_LD
        total = count + len(chunk)
        squares_LD += (chunk - chunk.mean(dim=0)).square().sum(dim=0) + shift_LD.square() * count * len(chunk) / total
        mean_LD += shift_LD * len(chunk) / total
        count = total
    std_LD = (squares_LD / max(count, 1)).sqrt().clamp(min=_LEAST_STD)
    return Statistics(mean_LD.float(), std_LD.float())


def drift(frozen: Statistics, now: Statistics) -> float:
    r"""How far a domain has moved since its statistics were frozen.

    The root mean square, over layers and features, of the mean's move in units of the frozen standard deviation::

        drift = sqrt( mean_ld ((mean_now - mean_frozen) / std_frozen)^2 )

    Returns:
        At least 0, which means that nothing has moved. With N clips of the same domain about 1 / sqrt(N) is chance.

    Raises:
        ValueError: Statistics of two encoders.

    >>> frozen = Statistics(torch.tensor([[1.0, 5.0]]), torch.tensor([[2.0, 1.0]]))
    >>> drift(frozen, Statistics(torch.tensor([[7.0, 1.0]]), torch.tensor([[9.0, 9.0]]))) == (25 / 2) ** 0.5
    True
    """
    if frozen.mean_LD.shape != now.mean_LD.shape:
        raise ValueError(f"statistics of two encoders: {tuple(frozen.mean_LD.shape)} and {tuple(now.mean_LD.shape)}")
    moved_LD = (now.mean_LD.double() - frozen.mean_LD.double()) / frozen.std_LD.double()
    return moved_LD.square().mean().sqrt().item()


def write_statistics(path: Path, statistics: Statistics, metadata: Mapping[str, str]) -> None:
    """A Parquet table of one row per layer and feature, in that order; `metadata` goes into the file's own."""
    n_layers, dim = statistics.mean_LD.shape
    columns = {
        "layer": np.repeat(np.arange(n_layers), dim),
        "feature": np.tile(np.arange(dim), n_layers),
        "mean": statistics.mean_LD.flatten().cpu().numpy(),
        "std": statistics.std_LD.flatten().cpu().numpy(),
    }
    with replacing(path) as temporary:
        pl.DataFrame(columns).cast(_SCHEMA).write_parquet(temporary, metadata=dict(metadata))  # type: ignore[arg-type]


def read_statistics(path: Path) -> Statistics:
    """What `write_statistics` wrote.

    Raises:
        TableError: No such file, not Parquet, or other columns or rows.
        CheckpointError: Numbers that nothing can be standardised by.
    """
    table = _table(path)
    n_layers, dim = (int(table[name].max() or 0) + 1 for name in ("layer", "feature"))  # type: ignore[arg-type]
    expected = [(layer, feature) for layer in range(n_layers) for feature in range(dim)]
    if table.is_empty() or table.select("layer", "feature").rows() != expected:
        raise TableError(f"{path}: not each feature of each layer once and in order. {_AGAIN}")
    mean_LD, std_LD = (
        torch.from_numpy(table[name].to_numpy().reshape(n_layers, dim).copy()) for name in ("mean", "std")
    )
    if not (mean_LD.isfinite().all() and std_LD.isfinite().all() and (std_LD > 0).all()):
        raise CheckpointError(
            f"{path}: a mean that is not finite, or a standard deviation that is not above 0. {_AGAIN}"
        )
    return Statistics(mean_LD, std_LD)


_AGAIN = "Delete it and run `mifuse run`, which estimates it again."


def _table(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise TableError(f"{path}: no such table. `mifuse run` makes it.")
    try:
        table = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: not a Parquet table ({error}). {_AGAIN}") from error
    if dict(table.schema) != _SCHEMA:
        raise TableError(f"{path}: columns are {dict(table.schema)}, expected {_SCHEMA}. {_AGAIN}")
    return table
