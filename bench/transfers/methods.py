"""The rows of the table: which rule, which trainer. What the code does not have yet is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import click
from pydantic import TypeAdapter, ValidationError

from tasks.fusion import Rule
from tasks.students import StudentSettings

LALM, CLASSIFIER = "lalm", "classifier"
TEACHERS = (LALM, CLASSIFIER)
# A third one: a zero-shot model of random weights, which knows nothing, and the judge of prosody, which knows a little.
NOTHING, LITTLE = "random CLAP", "simulated"
_MI = {"kind": "mutual_information"}
_PAPER = {"kind": "mi_fuse", "recipe": "paper"}
_STATIC = _PAPER | {"teacher_refresh": "never"}
_BEST = {"kind": "mi_fuse", "recipe": "best"}


@dataclass(frozen=True)
class Method:
    """One row.

    Attributes:
        name: In the table.
        rule: What makes labels of the teachers' draws; None: the classifier's plain answer.
        student: Its trainer; None: no training.
        statistics: What the classifier's features are standardised by: its `source`'s or the `target`'s.
        hears_lalm: False: the result is the same whatever the LALM is.
        gold: The labels are gold: a ceiling, for the table only.
        teachers: Whom it hears, in the rule's order.
        frames: Clips are heard as segments of frames, not as time means.
    """

    name: str
    rule: dict[str, Any] | None = field(default=None, hash=False)
    student: dict[str, Any] | None = field(default=None, hash=False)
    statistics: str = "target"
    hears_lalm: bool = True
    gold: bool = False
    teachers: tuple[str, ...] = TEACHERS
    frames: bool = False


def single(teacher: str) -> dict[str, Any]:
    """The rule that hears one teacher."""
    return {"kind": "single", "teacher": teacher}


_RULES: dict[str, dict[str, Any]] = {
    "equal": {"kind": "equal"},
    "entropy": {"kind": "entropy"},
    "kl_gated": {"kind": "kl_gated"},
    "product_of_experts": {"kind": "product_of_experts"},
    "mutual_information": _MI,
    "dawid_skene": {"kind": "dawid_skene"},
    "mace": {"kind": "mace"},
    "glad": {"kind": "glad"},
    "generative": {"kind": "generative"},
}
_MOVING = ("equal", "entropy", "kl_gated", "product_of_experts")  # fused anew at each step, as the paper's comparisons
_STANDING = ("dawid_skene", "mace", "glad", "generative")
_FUSED_OF_THREE = ("equal", "mutual_information", "generative")
_OTHERS = {"SHOT": "shot", "NRC": "nrc", "AaD": "aad"}
_OTHERS_OF_BOTH = {"DINE-dual": "dine", "ProDe": "prode"}


def _of_three(third: str) -> list[Method]:
    """Rows beside those of two teachers."""
    named, teachers = f"three teachers (+ {third})", (*TEACHERS, third)
    fused = [Method(f"{named}: fused: {kind}", _RULES[kind], teachers=teachers) for kind in _FUSED_OF_THREE]
    paper = Method(f"{named}: paper", _MI, _PAPER, teachers=teachers)
    return [*fused, paper, Method(f"{named}: best", _MI, _BEST, teachers=teachers)]


METHODS = [
    Method("source (source statistics)", statistics="source", hears_lalm=False),
    Method("source", hears_lalm=False),
    Method("LALM", single("lalm")),
    *(Method(f"fused: {name}", rule) for name, rule in _RULES.items()),
    Method("classifier-only", single("classifier"), _PAPER, hears_lalm=False),
    Method("classifier-only no EMA", single("classifier"), _PAPER | {"ema": 0.0}, hears_lalm=False),
    # Its labels never move, so to fuse them anew at each step would only cost time.
    Method("LALM-only", single("lalm"), _STATIC),
    *(Method(name, _RULES[name], _PAPER) for name in _MOVING),
    *(Method(f"{name} static", _RULES[name], _STATIC) for name in _STANDING),
    *(Method(name, single("classifier"), {"kind": kind}, hears_lalm=False) for name, kind in _OTHERS.items()),
    *(Method(name, _RULES["equal"], {"kind": kind}) for name, kind in _OTHERS_OF_BOTH.items()),
    Method("MI never", _MI, _STATIC),
    Method("MI epoch", _MI, _PAPER | {"teacher_refresh": "epoch"}),
    Method("paper (source statistics)", _MI, _PAPER, statistics="source"),
    Method("paper", _MI, _PAPER),
    Method("best", _MI, _BEST),
    Method("label-signal student", _MI, {"kind": "label_signal"}),
    Method("label-signal student (frames)", _MI, {"kind": "label_signal"}, frames=True),
    Method("cohort", _MI, {"kind": "cohort"}),
    *_of_three(NOTHING),
    *_of_three(LITTLE),
    Method("ceiling", student=_STATIC, hears_lalm=False, gold=True),
]
FEW = ["source", "LALM", "LALM-only", "classifier-only", "equal", "paper", "best"]  # where many scenes are compared


def chosen(names: Sequence[str] | None) -> tuple[list[Method], list[str]]:
    """The methods of these names (None: all) that can be run, and why the others cannot."""
    known = {method.name: method for method in METHODS}
    if names and (unknown := [name for name in names if name not in known]):
        raise click.UsageError(f"no method {', '.join(unknown)}. Known: {', '.join(known)}.")
    wanted = [method for method in METHODS if names is None or method.name in names]
    missing = {method.name: why_not(method) for method in wanted}
    return [m for m in wanted if not missing[m.name]], [f"{name} ({why})" for name, why in missing.items() if why]


def why_not(method: Method) -> str | None:
    """What the code lacks for the method."""
    for part, union in ((method.rule, Rule), (method.student, StudentSettings)):
        if part is None:
            continue
        if part["kind"] not in kinds_of(union):
            return f"no kind {part['kind']}"
        try:
            _validated(union, part)
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, e['loc'])) or part['kind']}: {e['msg']}" for e in error.errors())
    return None


def kinds_of(union: Any) -> list[str]:
    """What `kind` may be in a union of settings, or in settings that are alone.

    >>> "equal" in kinds_of(Rule)
    True
    """
    settings = get_args(get_args(union)[0]) if get_args(union) else (union,)
    return [one.model_fields["kind"].default for one in settings]


def _validated(union: Any, settings: dict[str, Any]) -> Any:
    return TypeAdapter(union).validate_python(settings)


def rule_of(method: Method) -> Any:
    """The rule's settings; None where the method has none."""
    return None if method.rule is None else _validated(Rule, method.rule)


def student_of(method: Method, seed: int) -> Any:
    """The trainer's settings; None where the method does not train."""
    return None if method.student is None else _validated(StudentSettings, method.student | {"seed": seed})
