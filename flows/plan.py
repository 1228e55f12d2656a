"""`mifuse plan`: what a run would do, why, at what price and for how long. Spends nothing, changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.amounts import Amount, Amounts
from flows.cost import estimate_costs
from flows.estimate import Estimate
from flows.freshness import Verdict
from flows.place import Place, look_at_place
from flows.steps import Steps

_FORCED = {"kind": "forced", "text": "forced"}  # by the run's options; the stage itself is fresh


@dataclass(frozen=True)
class Step:
    """One stage of the run.

    Attributes:
        reasons: Why; "forced" where it is fresh.
        is_certain: It has a cause of its own; else the earlier stages of the run may leave it as fresh as it was.
        took_s: By what it took last time; None: not known.
        blocked: The node that it waits for and that the run leaves out, if there is one.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    is_certain: bool
    amount: Amount
    took_s: float | None
    blocked: str | None


@dataclass(frozen=True)
class Plan:
    """A run that has not begun. `kept`: stages of which an earlier result is shown again, at no cost."""

    place: Place
    steps: tuple[Step, ...]
    kept: tuple[Verdict, ...]
    nodes: int
    estimate: Estimate


def show_plan(name: str, pipelines: Path, cache: Path, steps: Steps, *, as_json: bool = False) -> None:
    """Prints the plan of `mifuse run` with the same options; needs no writable cache."""
    plan = make_plan(look_at_place(name, pipelines, cache), steps)
    if as_json:
        print(json.dumps(_as_json(plan), indent=2))
        return
    for line in _told(plan):
        print(line)


def make_plan(place: Place, steps: Steps) -> Plan:
    """What a run with these options would do."""
    verdicts = place.examine()
    to_run = steps.to_run(verdicts)
    estimate = estimate_costs(place, verdicts, to_run, steps)
    amounts, names = Amounts(place, verdicts, estimate), {verdict.node.name for verdict in to_run}
    planned = tuple(_step(place, verdict, amounts.of(verdict), names) for verdict in to_run)
    kept = tuple(v for v in verdicts if v.goes_back and v.node.name not in names)
    return Plan(place, planned, kept, len(verdicts), estimate)


def _step(place: Place, verdict: Verdict, amount: Amount, names: set[str]) -> Step:
    waits = [reason.node for reason in verdict.reasons if reason.kind == "upstream" and reason.node]
    return Step(
        verdict=verdict,
        reasons=tuple(f"      {reason}" for reason in verdict.reasons or [_FORCED["text"]]),
        is_certain=not waits or len(waits) < len(verdict.reasons),
        amount=amount,
        took_s=amount.took_s(place.store.record_of(verdict.node)),
        blocked=next((node for node in waits if node not in names), None),
    )


def _told(plan: Plan) -> Iterator[str]:
    name = plan.place.name
    if not plan.steps and not plan.kept:
        yield f"{name}: everything is fresh; nothing would run, no call would be made."
        return
    yield f"{name}: {_counts(plan)}"
    width = max([24, *(len(step.verdict.node.name) for step in plan.steps)])
    for step in plan.steps:
        yield f"  {step.verdict.node.name:<{width}} {_state(step)}"
        yield from step.reasons
        yield f"      to do: {step.amount.told}{_about(step.took_s)}"
    for verdict in plan.kept:
        yield f"  {verdict.node.name:<{width}} an earlier result is shown again, at no cost"
        yield from (f"      {reason}" for reason in verdict.reasons)
    if plan.steps:
        yield plan.estimate.told() if plan.estimate.parts else "  no draw to pay for"
        yield f"  {_time(plan)}"


def _counts(plan: Plan) -> str:
    sure, open_ = (sum(step.is_certain is certain for step in plan.steps) for certain in (True, False))
    if not plan.steps:
        return f"no stage would run; of {len(plan.kept)} an earlier result is shown again"
    told = f"{len(plan.steps)} of {plan.nodes} stages would run"
    return f"{told}, {open_} of them only if the earlier ones give something new" if open_ and sure else told


def _state(step: Step) -> str:
    if step.blocked:
        return f"cannot run: it waits for {step.blocked}, which --only or --from leaves out"
    if not step.is_certain:
        return "runs, if what it reads changes"
    return "runs" if step.verdict.fingerprint else "runs, unless an earlier result fits"


def _about(took_s: float | None) -> str:
    return "" if took_s is None else f", about {told_time(took_s)}"


def _time(plan: Plan) -> str:
    known = [step.took_s for step in plan.steps if step.took_s is not None]
    unknown = [step.verdict.node.name for step in plan.steps if step.took_s is None]
    if not known:
        return "time: not known before the first run"
    told = (
        f"time: {'at least' if unknown else 'about'} {told_time(sum(known))}, estimated from what each stage took last"
    )
    return f"{told}; not known: {', '.join(unknown)}" if unknown else told


def told_time(took_s: float) -> str:
    """For example "8 s", "12 min" or "3.5 h".

    >>> told_time(0.2), told_time(95), told_time(4000)
    ('1 s', '2 min', '1.1 h')
    """
    if took_s < 60:
        return f"{max(1, round(took_s))} s"
    return f"{round(took_s / 60)} min" if took_s < 3600 else f"{took_s / 3600:.1f} h"


def _as_json(plan: Plan) -> dict[str, Any]:
    parts = plan.estimate.parts
    return {
        "pipeline": plan.place.name,
        "steps": [_step_as_json(step) for step in plan.steps],
        "kept": [verdict.node.name for verdict in plan.kept],
        "draws": sum(part.draws for part in parts),
        "most_draws": sum(part.most_draws for part in parts),
        "input_tokens": round(sum(part.input_tokens for part in parts)),
        "usd": None if plan.estimate.unpriced else round(sum(part.usd or 0.0 for part in parts), 6),
        "most_usd": None if plan.estimate.unpriced else round(plan.estimate.most_usd, 6),
        "without_price": list(plan.estimate.unpriced),
        "took_s": round(sum(step.took_s or 0.0 for step in plan.steps), 3),
    }


def _step_as_json(step: Step) -> dict[str, Any]:
    node = step.verdict.node
    return {
        "node": node.name,
        "stage": node.stage,
        "certain": step.is_certain,
        "blocked_by": step.blocked,
        "reasons": [reason.as_json() for reason in step.verdict.reasons] or [_FORCED],
        **step.amount.as_json(),
        "took_s": None if step.took_s is None else round(step.took_s, 3),
    }
