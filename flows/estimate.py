"""What a run would ask and cost, as it is told, and whether it may go on without a person."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tasks.asking.money import told_usd
from tasks.contracts.errors import SettingsError

ASK_FROM_USD = 1.0


@dataclass(frozen=True)
class Part:
    """One teacher's new draws and what they would cost.

    Attributes:
        draws: Asked for sure.
        most_draws: With adaptive draws, if no clip is settled early.
        most_usd: For the most draws; None: no price is known.
        ceiling_usd: What pipelines.yaml allows; None: nothing bounds it.
    """

    teacher: str
    model: str
    draws: int
    most_draws: int
    input_tokens: float
    usd: float | None
    most_usd: float | None
    ceiling_usd: float | None
    as_of: str


@dataclass(frozen=True)
class Estimate:
    """Of all paid teachers among the stages that would run. `measured`: the clips' durations are known."""

    parts: tuple[Part, ...]
    measured: bool

    @property
    def asks(self) -> tuple[str, ...]:
        """Teachers that may be asked at least once."""
        return tuple(part.teacher for part in self.parts)

    @property
    def most_usd(self) -> float:
        """Without the models that have no price."""
        return sum(part.most_usd or 0.0 for part in self.parts)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models without a price."""
        return tuple(part.model for part in self.parts if part.most_usd is None)

    @property
    def needs_consent(self) -> bool:
        """From $1 on, or where nobody knows."""
        return self.most_usd >= ASK_FROM_USD or bool(self.unpriced)

    @property
    def ceiling_usd(self) -> float | None:
        """The most that pipelines.yaml allows; None if some teacher has no ceiling."""
        ceilings = [part.ceiling_usd for part in self.parts]
        return None if None in ceilings else sum(c for c in ceilings if c is not None)

    def told(self) -> str:
        """One line."""
        draws, most = sum(part.draws for part in self.parts), sum(part.most_draws for part in self.parts)
        tokens = round(sum(part.input_tokens for part in self.parts))
        usd = sum(part.usd or 0.0 for part in self.parts)
        about = "" if self.measured else ", taking 4 s for each clip that is new"
        count, cost = (
            (f"{draws:,}", told_usd(usd))
            if draws == most
            else (f"{draws:,} to {most:,}", f"{told_usd(usd)} to {told_usd(self.most_usd)}")
        )
        upto = "about" if draws == most else "up to"
        dates = {part.as_of for part in self.parts if part.as_of and part.most_usd}
        if self.unpriced:
            cost = f"cost unknown, since {', '.join(self.unpriced)} has no price"
        elif dates:
            cost += f" (prices of {', '.join(sorted(dates))})"
        return f"  {count} new draws, {upto} {tokens:,} input tokens{about}, {cost}"


def check_ceiling(estimate: Estimate, max_cost_usd: float | None) -> None:
    """Raises SettingsError where nobody can be asked and nothing bounds what a run spends."""
    if not estimate.needs_consent or max_cost_usd is not None or estimate.ceiling_usd is not None:
        return
    price = "Give the model a price in prices.yaml beside pipelines.yaml (0 for a server of your own), and "
    ceiling = "set teachers.….max_cost_usd in pipelines.yaml, or give --max-cost-usd."
    raise SettingsError(
        f"the run needs {estimate.told().strip()}; nobody can be asked, and nothing bounds what it spends. "
        f"{price + ceiling if estimate.unpriced else ceiling[0].upper() + ceiling[1:]}"
    )


def check_priced(estimate: Estimate, max_cost_usd: float | None) -> None:
    """Raises SettingsError where there is a ceiling in dollars and a model without a price: it could not be kept."""
    for part in estimate.parts:
        ceiling_usd = min((c for c in (part.ceiling_usd, max_cost_usd) if c is not None), default=None)
        if ceiling_usd is not None and part.most_usd is None:
            raise SettingsError(
                f"{part.teacher}: a ceiling of ${ceiling_usd:g} is set, but no price is known for {part.model}, so it "
                "could not be kept. Give the model a price in prices.yaml beside pipelines.yaml (0 for a server of "
                "your own), or take the ceiling away."
            )


def can_ask() -> bool:
    """Whether a person sits there."""
    return sys.stdin is not None and sys.stdin.isatty()
