"""What calls cost, by dated prices from a file that users can edit, and ceilings that calls in flight cannot pass."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from tasks.asking.provider import Answer
from tasks.contracts.errors import SettingsError
from tasks.contracts.settings import Settings
from tasks.storage.answers import Spent


class Price(Settings):
    """Dollars per million tokens; `batch` is what a batch job pays of it."""

    audio_input: float = Field(ge=0, allow_inf_nan=False)
    text_input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    as_of: Annotated[str, BeforeValidator(str)]  # YAML reads 2026-11-01 as a date
    batch: float = Field(default=1.0, ge=0, le=1)

    def of(self, answer: Answer) -> float:
        """What an answer cost. Where the provider does not say which input was audio, an upper bound: it is dearer."""
        sent = answer.input_tokens or 0
        audio = sent if answer.audio_tokens is None else min(answer.audio_tokens, sent)
        return self.estimate(audio, sent - audio, answer.output_tokens or 0)

    def estimate(self, audio_tokens: float, text_tokens: float, output_tokens: float) -> float:
        """Dollars for one call."""
        dear, cheap = audio_tokens * self.audio_input, text_tokens * self.text_input
        return (dear + cheap + output_tokens * self.output) / 1e6

    def in_batches(self) -> Price:
        """The price of the same tokens in a batch job."""
        changed = {name: getattr(self, name) * self.batch for name in ("audio_input", "text_input", "output")}
        return self.model_copy(update=changed)


def told_usd(usd: float) -> str:
    """A sum for people: cents, or four digits where it is less than ten of them.

    >>> told_usd(12.3456), told_usd(0.00123), told_usd(0)
    ('$12.35', '$0.0012', '$0.00')
    """
    return f"${usd:.2f}" if usd == 0 or usd >= 0.1 else f"${usd:.4f}"


def price_list(own: Path | None = None) -> dict[str, Price]:
    """Model → price: the list that ships with mifuse, and over it the user's own file, where it is there.

    Raises:
        SettingsError: The user's file is no table of prices.
    """
    shipped = resources.files("tasks.asking").joinpath("prices.yaml").read_text(encoding="utf-8")
    prices = _read(shipped, "prices.yaml")
    if own is not None and own.is_file():
        prices |= _read(own.read_bytes(), str(own))
    return prices


def _read(text: str | bytes, where: str) -> dict[str, Price]:
    try:  # of bytes YAML says itself where they are not UTF-8
        content: Any = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise _wrong(where, " ".join(str(error).split())) from error
    if not isinstance(content, dict):
        raise _wrong(where, f"found {content!r}")
    return {str(model): _price(price, f'{where}, model "{model}"') for model, price in content.items()}


def _price(given: Any, where: str) -> Price:
    try:
        return Price.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(where, f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}") from error


def _wrong(where: str, what: str) -> SettingsError:
    return SettingsError(
        f"{where}: {what}. Expected for each model: "
        '{audio_input: 1.00, text_input: 0.30, output: 2.50, as_of: "2026-11"}, dollars per million tokens.'
    )


@dataclass(frozen=True)
class Ceiling:
    """So much may still be spent, and what says so."""

    left: float
    told: str  # "the budget of $2 (teachers.lalm.max_cost_usd)"
    go_on: str  # what the user can do


class Allowance:
    """Dollars, calls and tokens that one run may still take: what was used, and what calls in flight may still use."""

    def __init__(
        self, usd: list[Ceiling] | None = None, calls: Ceiling | None = None, tokens: Ceiling | None = None
    ) -> None:
        self.used = Spent()
        self._reserved = Spent()
        self._usd = min(usd or [], key=lambda ceiling: ceiling.left, default=None)
        self._calls = calls
        self._tokens = tokens

    def reserve(self, most: Spent) -> Ceiling | None:
        """Sets aside the most that a call can take, or returns the ceiling that does not allow it."""
        would = self.used + self._reserved + most
        for ceiling, amount in ((self._usd, would.usd), (self._calls, would.calls), (self._tokens, would.tokens)):
            if ceiling is not None and amount > ceiling.left * (1 + 1e-9):
                return ceiling
        self._reserved = would - self.used
        return None

    def settle(self, reserved: Spent, used: Spent) -> None:
        """The call is over: its reservation becomes what it took."""
        self._reserved = self._reserved - reserved
        self.used = self.used + used
