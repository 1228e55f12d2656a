"""What `bench.classifier` measures of memory: many clips with stored features, and the draws made of them."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.tables import Table, verdict

_SHAPES = {"logmel": (1, 233), "Whisper base": (7, 512)}


def memory(folder: Path, many: int) -> Table:
    """The stage from the listed clips to the table of draws, features stored, each in a process of its own."""
    table = Table("`dropout: head`, K = 8, features stored", ["features", "clips", "on disk, MB", "seconds", "peak MB"])
    for name, (layers, dim) in _SHAPES.items():
        for clips in (many // 10, many):
            work = folder / f"{layers}-{clips}"
            _in_a_process("fill", work, clips, layers, dim)
            size_mb = sum(file.stat().st_size for file in work.rglob("*") if file.is_file()) / 1e6
            seconds, peak_mb = _in_a_process("draw", work, clips, layers, dim)
            table.rows.append([name, f"{clips:,}", f"{size_mb:,.0f}", f"{seconds:.1f}", f"{peak_mb:,.0f}"])
        table.notes.append(f"- {name}, peak MB of {clips:,} clips: {verdict(peak_mb, 2000, at_least=False, digits=0)}")
    return table


def _in_a_process(work: str, folder: Path, clips: int, layers: int, dim: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.classifier_memory", work, str(folder), str(clips), str(layers), str(dim)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(said[-2]), float(said[-1])


def _sha256s(clips: int) -> list[str]:
    return sorted(hashlib.sha256(str(n).encode()).hexdigest() for n in range(clips))


def _fill(folder: Path, clips: int, layers: int, dim: int) -> None:
    import numpy as np

    from tasks.storage.features import FeatureStore

    store, sha256s, rng = FeatureStore(folder), _sha256s(clips), np.random.default_rng(0)
    for at in range(0, clips, 512):
        shard = sha256s[at : at + 512]
        store.add(shard, rng.standard_normal((len(shard), layers, dim), dtype=np.float32))


def _draw(folder: Path, clips: int, layers: int, dim: int) -> None:
    from tasks.encoders.features import StoredFeatures
    from tasks.networks.config import ClassifierConfig
    from tasks.networks.head import Head
    from tasks.networks.statistics import statistics_of
    from tasks.storage.features import FeatureStore
    from tasks.teachers.mc_dropout import draw_by_dropout

    sha256s = _sha256s(clips)
    features = StoredFeatures(FeatureStore(folder), sha256s)
    settings = {"classes": ["a", "b", "c", "d"], "encoder": {"kind": "logmel"}, "encoder_identity": {}}
    head = Head(ClassifierConfig(**settings, n_layers=layers, dim=dim)).eval()
    head.standardise_by(statistics_of(features))
    assert draw_by_dropout(head, features, sha256s, 8, seed=0).shape == (clips, 8, 4)


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    started = time.perf_counter()
    {"fill": _fill, "draw": _draw}[what](Path(where), *map(int, numbers))
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
