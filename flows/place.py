"""One pipeline at work: its settings, its cache, and how a stage's result comes to be recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.dag import draws_file, nodes_of
from flows.freshness import Verdict, examine
from flows.recording import alone_in, record_of
from flows.settings import PipelineSettings, read_pipelines
from flows.statistics_node import statistics_file
from tasks.contracts.errors import SettingsError
from tasks.contracts.stages import Node
from tasks.storage.clip_source import audio_folder, fetch_source, not_fetched
from tasks.storage.clips import read_usable_clips
from tasks.storage.files import make_folder
from tasks.storage.run_locks import Holder, alone, holder_of
from tasks.storage.stage_records import ResultStore


@dataclass(frozen=True)
class Place:
    """A named pipeline and the cache folder that it works in."""

    name: str
    settings: PipelineSettings
    cache: Path
    pipelines: Path  # the file that it stands in

    @property
    def prices(self) -> Path:
        """Where the user's own list of prices is looked for."""
        return prices_file(self.pipelines)

    @property
    def store(self) -> ResultStore:
        return ResultStore(self.cache, self.name)

    @property
    def nodes(self) -> list[Node]:
        return nodes_of(self.name, self.settings, self.cache)

    @property
    def clips_folder(self) -> Path:
        """Where the clips' audio lies on this machine: what the paths of `clips.parquet` are relative to.

        Of clips at a URL copies that were removed are fetched again, so ask for it where audio is to be read.
        """
        clips = self.settings.clips
        if isinstance(clips.folder, Path):
            return clips.folder
        usable = read_usable_clips(self.shown("clips.parquet"))
        return audio_folder(clips, self.cache, dict(usable.select("path", "sha256").iter_rows()))

    def fetch_clips(self, nodes: list[Node]) -> None:
        """What is new at a URL, where the index is among the nodes: what a run costs is known only then.

        Raises:
            MifuseError: It cannot be fetched; or, before a long download, another of the nodes could not run.
        """
        clips = self.settings.clips
        if "index_clips" not in [node.stage for node in nodes] or not not_fetched(clips, self.cache):
            return
        self.check_ready([node for node in nodes if node.stage != "index_clips"])
        print(f"{self.name}: {fetch_source(clips, self.cache):,} files fetched from {clips.folder}", flush=True)

    def shared(self, folder: str) -> Path:
        """A folder of the cache that all pipelines share."""
        return self.cache / folder

    def shown(self, output: str) -> Path:
        """Where an output is found."""
        return self.store.shown(output)

    def draws(self) -> dict[str, Path]:
        """Each teacher's table of draws, in the order of the teachers."""
        return {teacher: self.shown(draws_file(teacher)) for teacher in self.settings.teachers}

    def statistics(self) -> Path | None:
        """The target's statistics; None where the classifier keeps its source's."""
        is_target = self.settings.classifier.standardise == "target"
        return self.shown(statistics_file(self.settings.classifier_name)) if is_target else None

    def alone(self) -> AbstractContextManager[bool]:
        """One run of this pipeline at a time; who has waited here looks anew at what is stale."""
        return alone(self._lock, f"another run of {self.name}")

    def at_work(self) -> Holder | None:
        """Who runs this pipeline now."""
        return holder_of(self._lock)

    @property
    def _lock(self) -> Path:
        return self.shown(".run.lock")

    def examine(self, *, deep: bool = False) -> list[Verdict]:
        """Fresh or stale, and why, for all nodes; `deep` hashes files again whose size and time did not change."""
        return examine(nodes_of(self.name, self.settings, self.cache, deep=deep), self.store, deep=deep)

    def verdict(self, node_name: str) -> Verdict:
        """The same for one node; those after it are not looked at."""
        return self._verdicts_up_to(node_name)[-1]

    def _verdicts_up_to(self, node_name: str) -> list[Verdict]:
        names = [node.name for node in self.nodes]
        return examine(self.nodes[: names.index(node_name) + 1], self.store)

    def show_kept(self, verdicts: list[Verdict]) -> list[Node]:
        """Lets the pipeline's folder show the earlier results that will do again; which nodes that was."""
        again = [verdict for verdict in verdicts if verdict.goes_back]
        for verdict in again:
            assert verdict.kept is not None
            why = [str(reason) for reason in verdict.reasons]  # beside what the result itself was made for
            self.store.show(verdict.node, replace(verdict.kept, reasons=why))
        return [verdict.node for verdict in again]

    def check_ready(self, nodes: list[Node]) -> None:
        """Raises the first mistake in what the nodes need from outside, before any of them costs anything."""
        for node in nodes:
            node.outside()

    def perform(self, node_name: str, work: Callable[[Path, Path], dict[str, Any]]) -> dict[str, Any]:
        """Runs a stage's work, then records and shows what it wrote. Nothing is recorded when it raises.

        Args:
            node_name: Which node.
            work: Called with the folder to write to and a folder for checkpoints; returns what it counted.
        """
        *before, verdict = self._verdicts_up_to(node_name)
        if verdict.fingerprint is None:
            verdict.node.outside()  # a mistake in what it needs is told as such
            raise SettingsError(
                f"{node_name} cannot run yet: it {verdict.reasons[-1]}. Run `mifuse run {self.name}`, without --only."
            )
        # The work reads what is shown, the fingerprint was made of what is kept: they must be the same.
        self.show_kept(before)
        work_folder = self.store.work_folder(verdict.node, verdict.fingerprint)
        # Who asks for money waits for its turn model by model: see `tasks.teachers.session`.
        with nullcontext(False) if verdict.node.stage == "query_lalm" else alone_in(work_folder) as waited:
            kept = self.store.kept(verdict.node, verdict.fingerprint) if waited else None
            if kept is not None and kept.unfinished is None:  # the other run's
                self.store.show(verdict.node, kept)
                return dict(kept.stats)
            started = time.monotonic()
            with self.store.begin(verdict.node) as written:
                stats = work(written, work_folder)
                self.store.finish(verdict.node, written, record_of(verdict, stats, time.monotonic() - started))
            return stats


def pipelines_file(given: str | None) -> Path:
    """`--pipelines`, else MIFUSE_PIPELINES, else pipelines.yaml here."""
    return Path(given or os.environ.get("MIFUSE_PIPELINES") or "pipelines.yaml").absolute()


def prices_file(pipelines: Path) -> Path:
    """The user's own prices, beside pipelines.yaml."""
    return pipelines.parent / "prices.yaml"


def cache_folder(given: str | None, pipelines: Path) -> Path:
    """`--cache`, else MIFUSE_CACHE, else `cache/` beside pipelines.yaml."""
    named = given or os.environ.get("MIFUSE_CACHE")
    return Path(named).absolute() if named else pipelines.parent / "cache"


def open_place(name: str, pipelines: Path, cache: Path) -> Place:
    """The pipeline with this name, to be run.

    Raises:
        SettingsError: There is none, or the file has mistakes.
        CacheError: The cache folder cannot be written.
    """
    place = look_at_place(name, pipelines, cache)
    make_folder(cache)
    return place


def look_at_place(name: str, pipelines: Path, cache: Path) -> Place:
    """The same, to be looked at: the cache may be read-only, or not there yet.

    Raises:
        SettingsError: There is none, or the file has mistakes.
    """
    return Place(name, read_pipelines(pipelines, only=name)[name], cache, pipelines)
