"""What the answer store holds: answers by the question that they answer, and what was spent by month and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.storage.answer_rows import Noted, Row, notes_of, reading, rows_of
from tasks.storage.answers import Spent

_NOT_NOTED = Noted({}, "")


@dataclass
class AnswersGroup:
    """The answers to one question about many clips.

    Attributes:
        question: The id of what was asked; empty for answers from before mifuse noted it.
        usd: What the answers cost, without those that were superseded.
        unpriced: How many have no known cost.
        superseded: How many more were asked again, and are kept beside.
        first: When the earliest arrived, ISO 8601.
    """

    question: str
    kind: str
    model: str
    prompt_id: str
    settings: dict[str, Any]
    answers: int = 0
    refused: int = 0
    superseded: int = 0
    usd: float = 0.0
    unpriced: int = 0
    first: str = ""
    last: str = ""

    def add(self, row: Row) -> None:
        """One answer more."""
        assert row.content is not None
        if row.kind == "superseded":
            self.superseded += 1
            return
        usd, at = row.content["cost_usd"], row.content["answered_at"]
        self.answers += 1
        self.refused += bool(row.content["refusal"])
        self.usd += usd or 0.0
        self.unpriced += usd is None
        self.first = min(self.first or at, at)
        self.last = max(self.last, at)


@dataclass(frozen=True)
class Census:
    """All of it. `damaged`: rows that cannot be read; `check_answers` says why."""

    groups: list[AnswersGroup]
    spent: dict[tuple[str, str], Spent]  # (month, model)
    damaged: int

    @property
    def answers(self) -> int:
        """Without those that were superseded."""
        return sum(group.answers for group in self.groups)


def take_census(folder: Path) -> Census:
    """Reads every row once.

    Raises:
        CacheError: There is no store, or it is damaged.
    """
    spent: dict[tuple[str, str], Spent] = {}
    damaged = 0
    with reading(folder) as connection:
        groups = _Groups(notes_of(connection, folder))
        for row in rows_of(connection, folder):
            if row.content is None:
                damaged += 1
            elif row.kind == "spent":
                _add_spent(spent, row.key, row.content)
            elif row.kind in ("answer", "superseded"):
                groups.of(row.content).add(row)
    return Census(groups.all(), dict(sorted(spent.items())), damaged)


def model_of(content: Mapping[str, Any], notes: Mapping[str, Noted]) -> str:
    """Whom an answer was asked of; where that was not noted, who answered by their own word."""
    noted = notes.get(content.get("asked_id") or "", _NOT_NOTED)
    return str(noted.asked.get("model") or content["model_version"] or "unknown")


class _Groups:
    """One per model and question, whatever versions of the model answered."""

    def __init__(self, notes: Mapping[str, Noted]) -> None:
        self._notes = notes
        self._groups: dict[tuple[str, str], AnswersGroup] = {}
        self._found: dict[tuple[str | None, str | None], AnswersGroup] = {}  # so that each is looked up once

    def of(self, content: Mapping[str, Any]) -> AnswersGroup:
        """The group that an answer belongs to."""
        which = content.get("asked_id"), content["model_version"]
        if which not in self._found:
            model, question = model_of(content, self._notes), which[0] or ""
            noted = self._notes.get(question, _NOT_NOTED)
            new = AnswersGroup(question, str(noted.asked.get("kind", "")), model, noted.prompt_id, noted.settings)
            self._found[which] = self._groups.setdefault((model, question), new)
        return self._found[which]

    def all(self) -> list[AnswersGroup]:
        """In an order for reading."""
        return sorted(self._groups.values(), key=lambda each: (each.model, each.prompt_id, each.first, each.question))


def _add_spent(spent: dict[tuple[str, str], Spent], key: str, content: dict[str, Any]) -> None:
    _, _, named = key.partition(":")
    model, _, hour = named.rpartition(":")  # a model's name may hold colons
    month = hour[:7]
    spent[month, model] = spent.get((month, model), Spent()) + Spent(**content)
