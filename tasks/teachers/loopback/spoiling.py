"""What a fault makes of a request: an error instead of an answer, or an answer that is hard or impossible to use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from tasks.teachers.loopback.faults import Fault
from tasks.teachers.loopback.questions import Question
from tasks.teachers.loopback.wire import RefusedError, Reply, Said, Why

REFUSALS: dict[str, Why] = {
    "429": "too_many",
    "429-daily": "spent",
    "500": "internal",
    "503": "overloaded",
    "candidates": "candidates",
}
NO_CLASS = "curious"
PROSE = "Listening to the clip, I would say:\n\n```json\n{}\n```\n\nThe voice leaves room for doubt."
UNPARSABLE = "The speaker sounds rather upset, but I cannot put a number on it."
SYNONYMS = {"angry": "Anger", "happy": "Joyful", "sad": "Sadness", "fear": "Afraid", "surprise": "Surprised"}

Numbers = dict[str, float]


def refusal_of(fault: Fault) -> RefusedError | None:
    """The error that a fault answers with; None for one that delays or spoils a real answer."""
    if fault.name not in REFUSALS:
        return None
    wait_s = fault.retry_s if fault.name.startswith("429") else None
    return RefusedError(REFUSALS[fault.name], wait_s=wait_s, place=fault.where, also_header=bool(fault.header))


def spoil(reply: Reply, fault: Fault) -> Reply:
    """The answer as the fault leaves it. It has been paid: the token counts stay."""
    if fault.name == "version":
        return replace(reply, version=f"{reply.version}-changed")
    return replace(reply, said=tuple(_spoil(each, reply.question, fault.name) for each in reply.said))


def _spoil(said: Said, question: Question, name: str) -> Said:
    if name == "safety":
        return Said(said.text, "refused")
    if name == "max_tokens":
        return Said("", "length")
    if name in REWRITTEN:
        return replace(said, text=REWRITTEN[name](said.text))
    if name in REJUDGED and said.ending == "stop":  # what is cut off holds no JSON
        return replace(said, text=_rejudge(said.text, question, REJUDGED[name]))
    return said


def _rejudge(text: str, question: Question, change: Callable[[Numbers], Numbers]) -> str:
    """The change is made to the numbers; of a label it is made to {label: 1}, and what is no number stays a word."""
    content = json.loads(text)
    if question.answer == "distribution":
        return json.dumps(change(content))
    [(word, number)] = change({content["label"]: 1.0}).items()
    return json.dumps({"label": word if number in (1.0, 100.0) else number})


def _first(numbers: Numbers, number: float) -> Numbers:
    return numbers | {next(iter(numbers)): number}


REWRITTEN: dict[str, Callable[[str], str]] = {
    "truncated_json": lambda text: text[: len(text) * 2 // 3],
    "prose": PROSE.format,
    "unparsable": lambda text: UNPARSABLE,
}
REJUDGED: dict[str, Callable[[Numbers], Numbers]] = {
    "wrong_classes": lambda numbers: dict(zip([NO_CLASS, *list(numbers)[1:]], numbers.values(), strict=True)),
    "negative": lambda numbers: _first(numbers, -0.5),
    "nan": lambda numbers: _first(numbers, float("nan")),
    "sum7": lambda numbers: {name: round(7 * number, 2) for name, number in numbers.items()},
    "percent": lambda numbers: {name: round(100 * number) for name, number in numbers.items()},
    "label_case": lambda numbers: {name.upper(): number for name, number in numbers.items()},
    "synonyms": lambda numbers: {SYNONYMS.get(name, name.capitalize()): number for name, number in numbers.items()},
}
