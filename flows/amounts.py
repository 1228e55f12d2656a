"""How much a stage has to do, counted over the clips as they are now, and how long that may take. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl

from flows.columns import counted, told_bytes
from flows.cost import clips_now
from flows.dag import facts_memory
from flows.estimate import Estimate, Part
from flows.freshness import Verdict
from flows.last_student import expected_steps
from flows.place import Place
from flows.statistics_node import statistics_file
from flows.zero_shot_amount import unheard_by
from tasks.contracts.errors import MifuseError
from tasks.encoders import AudioPart, audio_parts, reads_text
from tasks.encoders.clip_files import files_in
from tasks.encoders.storing import store_folder
from tasks.encoders.text import row_keys
from tasks.storage.audio_facts import read_facts
from tasks.storage.clip_source import not_fetched
from tasks.storage.features import FeatureStore
from tasks.storage.mc_draws import DrawStore
from tasks.storage.stage_records import Record
from tasks.students.cohort import CohortSettings
from tasks.teachers.mc_dropout import own_config
from tasks.teachers.shards import draw_job


@dataclass(frozen=True)
class Amount:
    """What one stage has to do.

    Attributes:
        told: In words.
        rows: What its time grows with; None: not known before an earlier stage has run.
        counted_as: The number of the last run's stats that counts the same; None: its time is that of the last run.
        least_s: By the limit of requests per minute.
    """

    told: str
    rows: int | None = None
    counted_as: str | None = None
    least_s: float = 0.0

    def took_s(self, record: Record | None) -> float | None:
        """An estimate from the stage's last run; None where there was none, or one that had nothing to do."""
        if record is None:
            return self.least_s or None
        if self.counted_as is None or self.rows == 0:
            return max(record.took_s if self.counted_as is None else 0.0, self.least_s)
        counted = record.stats.get(self.counted_as)
        if self.rows is None or not isinstance(counted, int) or not counted:
            return self.least_s or None
        return max(record.took_s * self.rows / counted, self.least_s)

    def as_json(self) -> dict[str, Any]:
        """What is to be done; rows are null where they are not known yet."""
        return {"to_do": self.told, "rows": self.rows, "counted_as": self.counted_as}


class Amounts:
    """Of one pipeline: the clips are listed once, when a stage's amount needs them."""

    def __init__(self, place: Place, verdicts: list[Verdict], estimate: Estimate) -> None:
        self._place, self._verdicts = place, verdicts
        self._parts = {part.teacher: part for part in estimate.parts}

    def of(self, verdict: Verdict) -> Amount:
        """What this stage would have to do."""
        try:
            match verdict.node.stage:
                case "index_clips":
                    return self._index()
                case "target_statistics":
                    return Amount(f"statistics of {self._clips.height:,} clips", self._clips.height, "clips")
                case "mc_dropout":
                    return self._draws()
                case "choose_repeats":
                    pairs = len(self._place.settings.zero_shot[verdict.node.name.partition(".")[2]].grid) ** 2
                    return Amount(f"{pairs} pairs of repeats to try on held-out source clips")
                case "zero_shot":
                    return self._prompts(verdict.node.name.partition(".")[2])
                case "query_lalm":
                    return self._calls(verdict.node.name.partition(".")[2])
                case "publish_results":
                    return Amount("the results that have changed to send")
                case "train_student":
                    return self._training()
            return Amount(f"{self._clips.height:,} clips")
        except MifuseError:  # the stage's own reason, or an earlier one's, tells it
            return Amount("how much cannot be told before the mistake above is set right")

    @cached_property
    def _clips(self) -> pl.DataFrame:
        """Each audio once."""
        return clips_now(self._place, self._verdicts[0])[0]

    def _index(self) -> Amount:
        known = read_facts(facts_memory(self._place.cache))["sha256"].to_list()
        new = int((~self._clips["sha256"].is_in(known)).sum())
        return Amount(f"{self._fetches()}{new:,} of {self._clips.height:,} clips to measure", new, "measured")

    def _fetches(self) -> str:
        """Of clips at a URL what has not been fetched; the draws of these are counted as if nobody had asked yet."""
        files = not_fetched(self._place.settings.clips, self._place.cache)
        size = told_bytes(sum(file.size or 0 for file in files))
        return f"{counted(len(files), 'file')} to fetch, {size}; " if files else ""

    def _draws(self) -> Amount:
        teacher = self._place.settings.classifier
        wanted = self._clips.height * teacher.draws
        statistics, are_known = self._statistics()
        if not are_known:
            return Amount(
                f"up to {wanted:,} draws to compute: all, if the target's statistics change", None, "computed"
            )
        config = own_config(teacher)
        kept = draw_job(teacher, config, statistics, self._place.shared("mc_draws")).kept
        files = files_in(self._clips, Path(), self._clips)
        keys = row_keys(files, reads_text=reads_text(config.encoder))
        new = _missing(DrawStore(kept), keys, teacher.draws) if kept.is_dir() else wanted
        of = () if teacher.makes_encoder_passes else audio_parts(config.encoder)
        heard = self._unheard(of, "the encoder", frames=config.hears_frames)
        return Amount(f"{new:,} of {wanted:,} draws to compute{heard}", new, "computed")

    def _statistics(self) -> tuple[Any, bool]:
        """Where the target's statistics are, and whether that is known yet."""
        verdict = next((v for v in self._verdicts if v.node.stage == "target_statistics"), None)
        if verdict is None:
            return None, True
        if verdict.kept is None:
            return None, False
        file = statistics_file(self._place.settings.classifier_name)
        return self._place.store.folder(verdict.node, verdict.kept.fingerprint) / file, True

    def _unheard(self, parts: Sequence[AudioPart], who: str, *, frames: bool = False) -> str:
        """Clips without stored features, or without those of one of the parts; `frames`: of the first."""
        features = self._place.shared("features")
        folders = [store_folder(part, features, frames=frames and n == 0) for n, part in enumerate(parts)]
        known = [FeatureStore(folder).known() if folder.is_dir() else set() for folder in folders]
        unheard = sum(any(sha256 not in there for there in known) for sha256 in self._clips["sha256"])
        return f", {counted(unheard, 'clip')} for {who} to hear" if unheard else ""

    def _training(self) -> Amount:
        steps, settings = expected_steps(self._place), self._place.settings
        heard = ""
        if isinstance(settings.student, CohortSettings):
            beside = settings.student.beside(own_config(settings.classifier).encoder)
            heard = self._unheard([part for each in beside for part in audio_parts(each)], "further encoders")
        return Amount(f"{steps:,} steps on {self._clips.height:,} clips{heard}", steps, "steps")

    def _prompts(self, name: str) -> Amount:
        draws = f"{self._clips.height * self._place.settings.zero_shot[name].draws:,} draws"
        unheard = unheard_by(self._place, name, self._clips["sha256"].to_list())
        if unheard is None:
            return Amount(f"{draws}; what the encoder is to hear is known once the repeats are chosen", None, "heard")
        return Amount(f"{draws}, {counted(unheard, 'clip')} for the encoder to hear", unheard, "heard")

    def _calls(self, name: str) -> Amount:
        part = self._parts.get(name)
        if part is None:
            return Amount("no draw to ask", 0, "calls")
        teacher = self._place.settings.paid[name]
        calls = ceil(part.most_draws / min(teacher.candidates_per_call, teacher.most_draws))
        per_minute = teacher.limits.requests_per_minute
        return Amount(f"{_told(part)} draws to ask", calls, "calls", 60 * calls / per_minute if per_minute else 0.0)


def _told(part: Part) -> str:
    return f"{part.draws:,}" if part.draws == part.most_draws else f"{part.draws:,} to {part.most_draws:,}"


def _missing(store: DrawStore, sha256s: list[str], draws: int) -> int:
    return sum(len(numbers) * len(some) for numbers, some in store.missing(sha256s, draws).items())
