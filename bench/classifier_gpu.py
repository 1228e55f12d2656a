"""What `bench.classifier` measures where there is a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from bench.classifier_parts import make_clips, make_encoder
from bench.tables import Table
from tasks.encoders.batches import plan_batches
from tasks.encoders.hearing import hear_batches
from tasks.encoders.huggingface import HuggingFaceSettings


def gpu(folder: Path, layers: int) -> Table:
    """Audio hours per second on a GPU: fp32 against bf16, eager against SDPA."""
    table = Table("On a GPU", ["encoder", "precision", "attention", "audio h/s", "share of the time the GPU is busy"])
    if not torch.cuda.is_available():
        table.notes.append("- not measured: torch sees no GPU here")
        return table
    files = make_clips(folder, 512, 1, 15)
    batches, hours = plan_batches(files, (), 240), sum(file.duration_s for file in files) / 3600
    for kind in ("wavlm", "hubert"):
        for precision in ("float32", "bfloat16"):
            for attention in ("eager", "sdpa"):
                path = make_encoder(folder, layers, kind).model
                encoder = HuggingFaceSettings(model=path, precision=precision, attention=attention).build("cuda")
                list(hear_batches(encoder, batches[:2]))
                torch.cuda.synchronize()
                wall_s, busy = _busy(lambda encoder=encoder: list(hear_batches(encoder, batches)))
                table.rows.append([kind, precision, attention, f"{hours / wall_s:.2f}", f"{busy:.0%}"])
    return table


def _busy(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and the share of them in which kernels ran, from torch's own profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        wall_s = time.perf_counter() - started
    kernels_us = sum(event.self_device_time_total for event in profile.key_averages())
    return wall_s, kernels_us / 1e6 / wall_s
