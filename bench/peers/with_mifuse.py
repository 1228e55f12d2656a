"""mifuse: the whole stage, from `clips.parquet` to `draws/lalm.parquet`, every answer stored on arrival."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from bench.peers.contest import Contest, compete
from tasks.asking.limits import LimitSettings
from tasks.query_lalm import query_lalm
from tasks.teachers.gemini import GeminiSettings


def ask(contest: Contest) -> int:
    limits = LimitSettings(
        requests_per_minute=contest.requests_per_minute, tokens_per_minute=None, concurrency=contest.in_flight
    )
    out = Path(contest.state) / "lalm.parquet"
    query_lalm.fn(
        name="lalm",
        teacher=GeminiSettings(model=contest.model, draws=contest.draws, limits=limits),
        classes=contest.classes,
        clips_table=Path(contest.clips_table),
        folder=Path(contest.clips),
        answers=Path(contest.state) / "answers",
        out=out,
    )
    return int((pl.read_parquet(out, columns=["status"])["status"] == "answered").sum())


if __name__ == "__main__":
    if profile := os.environ.get("MIFUSE_BENCH_PROFILE"):  # a file for pstats
        import cProfile

        with cProfile.Profile() as profiler:
            compete(ask)
        profiler.dump_stats(profile)
    else:
        compete(ask)
