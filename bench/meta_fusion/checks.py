"""What the cohort's parts are good for, and what it does when the modalities are not as they should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from bench.meta_fusion.amounts import cost, setting_of
from bench.meta_fusion.comparing import mean_cell
from bench.meta_fusion.kept import Outcome, kept
from bench.meta_fusion.lacking import without_last
from bench.meta_fusion.settings import COMPLEMENTARY, SETTINGS, SHARED, Setting
from bench.meta_fusion.signatures import HEALTHY, PROVOKED, signs_of
from bench.meta_fusion.teachers import how_many_clusters, how_many_pruned, how_strongly, who_teaches
from bench.meta_fusion.trial import Trial, cohort_outcome
from bench.tables import Table
from bench.transfers.code_version import code_version
from tasks.contracts.progress import progress_bar


@dataclass(frozen=True)
class Check:
    """One table: a row per figure of the outcomes, a column per circumstance."""

    title: str
    columns: Mapping[str, tuple[Setting, Callable[[Trial], Outcome]]]
    note: str = "Test MSE, mean ± standard error over the seeds; each column's rows are of the same data sets."


def _noisy(setting: Setting, *noise: float) -> Setting:
    return replace(setting, name=f"{setting.name}, noise {' and '.join(f'{r:g}' for r in noise)}", noise=noise)


_NOISY = (SHARED, _noisy(SHARED, 0.4, 0.8), _noisy(SHARED, 0.8, 0.8))
_EPOCHS = 8  # fewer than the strategies have: most members are at their best by then
_FEW = (_noisy(SHARED, 0.4, 0.8), COMPLEMENTARY)
_CONTRADICTING = (
    SHARED,
    replace(SHARED, name="a half of the rows turned", contradicting=0.5),
    replace(SHARED, name="latents of nobody", unrelated=True),
    replace(SHARED, name="turned in the test alone", contradicting=1.0, only_in_test=True),
)


def _each(
    settings: tuple[Setting, ...], compute: Callable[[Trial], Outcome]
) -> dict[str, tuple[Setting, Callable[[Trial], Outcome]]]:
    return {setting.name: (setting, compute) for setting in settings}


CHECKS = (
    Check("Who teaches: the top cluster or everybody, by noise", _each(_NOISY, who_teaches)),
    Check("How strongly: ρ", _each(SETTINGS, how_strongly)),
    Check("How many clusters (ρ = 1)", _each(_FEW, how_many_clusters)),
    Check("How many are pruned (ρ = 1)", _each(_FEW, how_many_pruned)),
    Check("Modality 2 contradicts modality 1 (2.1)", _each(_CONTRADICTING, cohort_outcome)),
    Check(
        "Modality 2 is missing (2.1)",
        {f"{share:.0%} of the rows": (SHARED, partial(without_last, share=share)) for share in (0.0, 0.5, 1.0)},
    ),
    Check(
        "Cost against the number of modalities",
        _each(tuple(setting_of(n) for n in (2, 3, 4)), cost),
        "Two latent representations each; two epochs alone and two taught; seconds of one core.",
    ),
    Check(
        "Signs of failure",
        {name: (setting, partial(signs_of, make=make)) for name, (setting, make) in (PROVOKED | HEALTHY).items()},
        "Share of the seeds in which the core warns. The first three columns provoke the sign in brackets.",
    ),
)


def tables(seeds: int, folder: Path) -> list[Table]:
    """One per check. Seed by seed, so that what was interrupted has whole seeds."""
    total = seeds * sum(len(check.columns) for check in CHECKS)
    with progress_bar("checks", total, "trials") as bar:
        for seed in range(seeds):
            for check in CHECKS:
                for column in check.columns:
                    outcome_of(check, column, seed, folder)
                    bar.update(1)
    return [check_table(check, seeds, folder) for check in CHECKS]


def outcome_of(check: Check, column: str, seed: int, folder: Path) -> Outcome:
    """In one circumstance; kept."""
    setting, compute = check.columns[column]
    trial = Trial(setting, seed, _EPOCHS)
    key = {"check": check.title, "column": column, "code": _code_of(compute)} | asdict(trial)
    return kept(folder, key, partial(compute, trial))


def _code_of(compute: Callable[[Trial], Outcome]) -> str:
    """What is not in every trial's code."""
    module = compute.func.__module__ if isinstance(compute, partial) else compute.__module__
    return code_version(module, "bench.meta_fusion.phases")


def check_table(check: Check, seeds: int, folder: Path) -> Table:
    """Mean and standard error over the seeds."""
    columns = {name: [outcome_of(check, name, seed, folder) for seed in range(seeds)] for name in check.columns}
    table = Table(check.title, ["", *columns], notes=[check.note])
    for row in dict.fromkeys(row for outcomes in columns.values() for row in outcomes[0].errors):
        table.rows.append([row, *(_cell(outcomes, row) for outcomes in columns.values())])
    return table


def _cell(outcomes: list[Outcome], row: str) -> str:
    """A dash where the circumstances have no such figure."""
    return mean_cell([each.errors[row] for each in outcomes]) if row in outcomes[0].errors else "–"
