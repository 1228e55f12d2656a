"""What bounds one run of a teacher: its own settings, the command line, and what was spent before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tasks.asking.money import Allowance, Ceiling, Price, told_usd
from tasks.asking.quota import day_began, renewed_at
from tasks.contracts.errors import SettingsError
from tasks.storage.answers import AnswerStore
from tasks.teachers.paid import PaidTeacher


@dataclass(frozen=True)
class Purse:
    """What a run may spend, besides the teacher's own ceilings.

    Attributes:
        max_cost_usd: Lowers the teacher's ceiling for this run.
        prices: The user's own list of prices, if there is such a file.
    """

    max_cost_usd: float | None = None
    prices: Path | None = None


def allowance_of(
    name: str, teacher: PaidTeacher, purse: Purse, price: Price | None, store: AnswerStore, pending_usd: float = 0.0
) -> Allowance:
    """All ceilings of the teacher called `name`, less what they have seen already.

    `pending_usd` is what batch jobs that are under way can cost.

    Raises:
        SettingsError: A ceiling in dollars for a model without a price.
    """
    dollars = _dollars(name, teacher, purse, store, pending_usd)
    if dollars and price is None:
        raise SettingsError(
            f"{name} ({teacher.model}): {dollars[0].told} is set, but no price is known for this model, so it could "
            "not be kept. Give the model a price in prices.yaml beside pipelines.yaml, or take the ceiling away."
        )
    limits, zone = teacher.limits, ZoneInfo(teacher.quota_day)
    today = store.spent(teacher.model, day_began(zone))
    return Allowance(
        dollars,
        _daily(f"teachers.{name}.limits.requests_per_day", limits.requests_per_day, today.calls, zone),
        _daily(f"teachers.{name}.limits.tokens_per_day", limits.tokens_per_day, today.tokens, zone),
    )


def _daily(setting: str, most: int | None, used: int, zone: ZoneInfo) -> Ceiling | None:
    if most is None:
        return None
    return Ceiling(most - used, f"{setting} of {most:,}", renewed_at(zone))


def _dollars(name: str, teacher: PaidTeacher, purse: Purse, store: AnswerStore, pending_usd: float) -> list[Ceiling]:
    ceilings = []
    if (own := teacher.max_cost_usd) is not None:
        go_on = f"Run the same command again, for as much again, or raise teachers.{name}.max_cost_usd."
        ceilings.append(Ceiling(own, f"the run's budget of ${own:g}", go_on))
    if (run := purse.max_cost_usd) is not None:
        go_on = "Run again with a higher --max-cost-usd, or without it."
        ceilings.append(Ceiling(run, f"the run's budget of ${run:g} (--max-cost-usd)", go_on))
    if (month := teacher.max_cost_usd_per_month) is not None:
        first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent = store.spent(teacher.model, first).usd + pending_usd
        told = f"this month's budget of ${month:g} ({told_usd(spent)} of it before this run)"
        go_on = f"Run the same command next month, or raise teachers.{name}.max_cost_usd_per_month."
        ceilings.append(Ceiling(month - spent, told, go_on))
    return ceilings
