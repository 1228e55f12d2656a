"""Which stand-in for the paid teacher, and its dials: each one number."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

Kind = Literal["simulated", "third", "oracle"]

_RANGES = {
    "strength": (0.0, 1.0),
    "bias": (0.0, 5.0),
    "contradiction": (0.0, 5.0),
    "sharpness": (0.5, 8.0),
    "prompts": (0.0, 3.0),
    "correlation": (0.0, 1.0),
}


@dataclass(frozen=True)
class Lalm:
    """A stand-in. Logits of `third` and `oracle` have a root mean square of 1.5 nats before the dials.

    Attributes:
        kind: `simulated`: the product's judge of prosody, as `mifuse` asks it; it has no dials. `third`: a classifier
            that was trained on a corpus that is neither source nor target. `oracle`: errors drawn from gold whatever
            the clip sounds like, for the question of who the better teacher is.
        strength: 0 to 1. `third`: the share of its logits that is its own (1), not noise that all draws share (0: a
            coin). `oracle`: the recall of each class, exactly so where it does not contradict itself.
        bias: Nats that are added to one class (neutral), 0 to 5.
        contradiction: Size of the Gumbel noise of each draw, 0 to 5: 0 says the same each time (but for dropout).
        sharpness: Factor of the logits when the answer is written down, 0.5 to 8; two decimals are kept. Above 1 the
            teacher says more certainty than it has.
        prompts: Size of a change of all classes' logits that each of three prompts brings, 0 to 3; draw k is asked
            with prompt k mod 3.
        correlation: 0 to 1: the share of the logits that are the source classifier's own.
    """

    kind: Kind = "simulated"
    strength: float = 1.0
    bias: float = 0.0
    contradiction: float = 0.6
    sharpness: float = 2.0
    prompts: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f'no stand-in "{self.kind}". Known: {", ".join(get_args(Kind))}.')
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie within {low:g} and {high:g}, got {getattr(self, name):g}.")
        if self.kind == "simulated" and self.turned():
            raise ValueError("the simulated LALM is the product's own and has no dials: turn those of third or oracle.")

    @property
    def name(self) -> str:
        """The kind and the dials that are turned."""
        return " ".join([self.kind, *(f"{name}={value:g}" for name, value in self.turned().items())])

    def turned(self) -> dict[str, float]:
        """The dials that do not stand as they do by default."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if name in _RANGES and value != default}


def with_dials(kind: str, dials: tuple[str, ...]) -> Lalm:
    """From texts like `bias=1`.

    >>> with_dials("third", ("bias=1", "strength=0.5")).name
    'third strength=0.5 bias=1'
    """
    turned: dict[str, float] = {}
    for dial in dials:
        name, _, value = dial.partition("=")
        if name not in _RANGES:
            raise ValueError(f'no dial "{name}". Known: {", ".join(_RANGES)}.')
        turned[name] = float(value)
    return Lalm(**asdict(Lalm()) | {"kind": kind} | turned)
