"""What one step of a cohort of 24 costs beside one step of its mean member alone, and the other ways to batch.

python -m bench.cohort_speed [--repeats 9] [--threads 2]

Two modalities of 500 and 400 numbers, each with three latent representations: 5 x 5 - 1 members over 50 to 900 inputs,
batches of 64. `--threads` is what torch may use within a product, for a member alone and for the other ways; a cohort
has two threads of its own that share out none, so that the same seed gives the same bits. Times are of an idle machine
only: on a busy one compare the best ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import click
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

import flows.quiet  # noqa: F401
from bench.race import Contestants, race, timed_table
from bench.tables import Table, verdict
from tasks.students.cohorts.course import Course, Lesson, lesson_of
from tasks.students.cohorts.losses import teaching
from tasks.students.cohorts.members import Member, Modality, Representation
from tasks.students.cohorts.phase import Phase

_N, _B, _C, _STEPS, _TARGET = 1280, 64, 4, 100, 12.0
_WIDTHS = {"x": (500, 200, 100, 50), "z": (400, 200, 100, 50)}


@click.command(help=__doc__)
@click.option("--repeats", default=9, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(repeats: int, threads: int) -> None:
    torch.set_num_threads(threads)
    lesson = _lesson()
    top_M = torch.arange(len(lesson.members)) < 6
    contestants: Contestants = {
        f"{len(lesson.members)} members, one after the other": _all_of(
            [_alone(lesson, each) for each in lesson.members]
        ),
        "cohort, each for itself": _cohort(lesson, None),
        "cohort, taught by the top cluster": _cohort(lesson, teaching(top_M)),
        "torch.func.vmap, one stack per input width": _all_of(_by_width(lesson)),
        "torch.func.vmap, all padded to one width": _all_of([_stacked(lesson, lesson.members, 900)]),
    }
    print(_table(race(contestants, repeats), len(lesson.members), threads).markdown())


def _table(seconds: dict[str, list[float]], members: int, threads: int) -> Table:
    """Each way beside the mean member alone, in the same round and by the best of all rounds."""
    table = timed_table(f"{_STEPS} steps of a cohort of {members}, {threads} threads of torch", seconds)
    alone, *ways = seconds.values()
    for name, way in zip(list(seconds)[1:], ways, strict=True):
        ratios = sorted(members * own / other for own, other in zip(way, alone, strict=True))
        middle, best = ratios[len(ratios) // 2], members * min(way) / min(alone)
        told = f"{ratios[0]:.1f}–{ratios[-1]:.1f}, of the best times {best:.1f}"
        judged = verdict(middle, _TARGET, at_least=False, digits=1) if name.startswith("cohort") else f"{middle:.1f}"
        table.notes.append(f"- {name} / the mean member alone: {judged}; {told}")
    return table


def _lesson() -> Lesson:
    generator = torch.Generator().manual_seed(0)
    modalities = [
        Modality(name, [Representation(str(d), torch.randn(_N, d, generator=generator)) for d in widths])
        for name, widths in _WIDTHS.items()
    ]
    target_NC = torch.randn(_N, _C, generator=generator).softmax(dim=-1)
    return lesson_of(modalities, target_NC, torch.arange(_N - 1), torch.arange(_N - 1, _N))


def _all_of(runs: Sequence[Callable[[], None]]) -> Callable[[], None]:
    def run() -> None:
        for each in runs:
            each()

    return run


def _batches() -> list[slice]:
    return [slice(at % 16 * _B, (at % 16 + 1) * _B) for at in range(_STEPS)]


def _heard(lesson: Lesson, member: Member) -> torch.Tensor:
    return torch.cat([lesson.values[place] for place in member.places], dim=1)


def _network(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, _C))


def _alone(lesson: Lesson, member: Member) -> Callable[[], None]:
    """As one would write it."""
    heard_ND = _heard(lesson, member)
    network = _network(heard_ND.shape[1])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def run() -> None:
        for rows in _batches():
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(heard_ND[rows]), lesson.target_NC[rows]).backward()
            optimiser.step()

    return run


def _cohort(lesson: Lesson, teaching_MM: torch.Tensor | None) -> Callable[[], None]:
    """The product's own phase; no look at the validation rows falls into these steps."""
    course = Course("classes", steps=1_000_000, look_every=1_000_000, batch_size=_B)
    phase = Phase(course, lesson, rho=1.0, teaching_MM=teaching_MM)

    def run() -> None:
        for _ in range(_STEPS):
            phase.advance()

    return run


def _by_width(lesson: Lesson) -> list[Callable[[], None]]:
    groups: dict[int, list[Member]] = defaultdict(list)
    for member in lesson.members:
        groups[_heard(lesson, member).shape[1]].append(member)
    return [_stacked(lesson, members, width) for width, members in groups.items()]


def _stacked(lesson: Lesson, members: Sequence[Member], width: int) -> Callable[[], None]:
    """PyTorch's own way of training an ensemble; inputs are padded to the width."""
    pads = [(0, width - _heard(lesson, member).shape[1]) for member in members]
    heard = [nn.functional.pad(_heard(lesson, member), pad) for member, pad in zip(members, pads, strict=True)]
    heard_MND, base = torch.stack(heard), _network(width)
    parameters, buffers = stack_module_state([_network(width) for _ in members])
    optimiser = torch.optim.Adam(parameters.values(), lr=1e-3, fused=True)

    def outputs(of: dict[str, torch.Tensor], heard_BD: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = functional_call(base, (of, buffers), (heard_BD,))
        return found

    def run() -> None:
        for rows in _batches():
            optimiser.zero_grad()
            logits_MBC = vmap(outputs)(parameters, heard_MND[:, rows])
            loss_MB = -(lesson.target_NC[rows] * logits_MBC.log_softmax(dim=-1)).sum(dim=-1)
            loss_MB.mean(dim=1).sum().backward()
            optimiser.step()

    return run


if __name__ == "__main__":
    main()
