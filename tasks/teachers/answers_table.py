"""Stored answers → rows of `draws/<teacher>.parquet`: what was said, or why there is no distribution in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.asking.reading import UnparsableError, read_answer
from tasks.contracts.tables import p_columns, paid_draws_schema
from tasks.storage.answers import AnswerStore, StoredAnswer
from tasks.teachers.prompts import prompt_id
from tasks.teachers.wanted import Asking, Wanted

Row = dict[str, Any]
_AT_ONCE = 5_000  # rows that are held as Python objects: a kilobyte each


class AnswersTable:
    """Reads stored answers."""

    def __init__(self, asking: Asking, store: AnswerStore) -> None:
        self._asking = asking
        self._store = store
        self._p_columns = p_columns(asking.classes)
        self._prompt_ids = [prompt_id(prompt) for prompt in asking.teacher.prompt]
        self._read: dict[str, Row] = {}

    def status_of(self, key: str) -> str:
        """Of the stored answer; "failed" where there is none."""
        return str(self._answer(key)["status"])

    def forget(self, keys: Sequence[str]) -> None:
        """They have been asked again."""
        for key in keys:
            self._read.pop(key, None)

    def arrays(self, wanted_NK: Sequence[Sequence[Wanted]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The draws of some clips, each asked alike often: probabilities (N, K, C) and which are valid (N, K)."""
        rows_NK = [[self._answer(want.key) for want in wanted_K] for wanted_K in wanted_NK]
        valid_NK = np.array([[row["status"] == "answered" for row in rows_K] for rows_K in rows_NK])
        probs = [[[row.get(name, 0.0) for name in self._p_columns] for row in rows_K] for rows_K in rows_NK]
        return np.array(probs, dtype=np.float64), valid_NK

    def table(self, clips: pl.DataFrame, wanted: Sequence[Wanted], failed: Mapping[str, str]) -> pl.DataFrame:
        """One row per draw of each clip, in the order of the clips and the draws.

        Args:
            clips: `clip_id` and `sha256`; one audio content may stand there twice.
            wanted: Each draw of each audio content.
            failed: Key → why no answer came.
        """
        schema = paid_draws_schema(self._asking.classes)
        columns = {name: kind for name, kind in schema.items() if name != "clip_id"}
        parts = [
            pl.DataFrame([self._row(want, failed) for want in some], columns) for some in _slices(wanted, _AT_ONCE)
        ]
        draws = pl.concat(parts) if parts else pl.DataFrame(schema=columns)
        named = clips.select("clip_id", "sha256").join(draws, on="sha256", how="left", maintain_order="left_right")
        return named.select(schema.keys())

    def _row(self, want: Wanted, failed: Mapping[str, str]) -> Row:
        row = {"sha256": want.sha256, "draw": want.draw, "prompt_id": self._prompt_ids[want.prompt]}
        answer = self._read.pop(want.key, None) or self._read_stored(self._store.get(want.key))
        if answer["status"] == "failed":
            answer = answer | {"reason": failed.get(want.key, "no answer arrived")}
        return row | {"heard": self._asking.teacher.hears} | answer

    def _answer(self, key: str) -> Row:
        if key in self._read:
            return self._read[key]
        row = self._read_stored(self._store.get(key))
        if row["status"] != "failed":  # what is not there now may be stored by another run in a moment
            self._read[key] = row
        return row

    def _read_stored(self, answer: StoredAnswer | None) -> Row:
        if answer is None:
            return {"status": "failed"}
        row: Row = {"raw_answer": answer.text, "model_version": answer.model_version, "latency_s": answer.latency_s}
        row |= {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
        row |= {"cost_usd": answer.cost_usd, "answered_at": answer.answered_at}
        if answer.refusal:
            return row | {"status": "refused", "reason": answer.refusal}
        teacher = self._asking.teacher
        try:
            probs_O = read_answer(answer.text, self._asking.asked, teacher.answer, teacher.synonyms)
        except UnparsableError as error:
            why = f"{error} (cut off at the limit of its output)" if answer.is_cut_off else str(error)
            return row | {"status": "unparsable", "reason": why}
        return row | self._meant(probs_O)

    def _meant(self, probs_O: Sequence[float]) -> Row:
        """What the answer says of the pipeline's classes."""
        found = self._asking.meaning.applied(np.array(probs_O))
        unmapped = float(found.unmapped)
        if not found.answers:
            return {"status": "unmapped", "unmapped": unmapped, "reason": f"{unmapped:.0%} of it maps to no class"}
        said = dict(zip(self._p_columns, found.probs.tolist(), strict=True))
        return {"status": "answered", "unmapped": unmapped} | said


def _slices(wanted: Sequence[Wanted], size: int) -> Iterator[Sequence[Wanted]]:
    """Slices of at most `size`; itertools.batched is Python 3.12's."""
    return (wanted[start : start + size] for start in range(0, len(wanted), size))
