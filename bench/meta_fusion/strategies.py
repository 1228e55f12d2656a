"""The cohort beside each modality alone, early and late fusion, on the three settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench.meta_fusion.comparing import best_of, difference_cell, is_within, mean_cell, strategies_table
from bench.meta_fusion.kept import Outcome, kept
from bench.meta_fusion.ridge import ridge_errors
from bench.meta_fusion.settings import SETTINGS, Setting, draw
from bench.meta_fusion.trial import Trial, budget_outcome, cohort_outcome
from bench.tables import Table
from tasks.contracts.progress import progress_bar

Found = dict[tuple[str, str], list[Outcome]]

_SINGLE = ("modality 1", "modality 2", "early", "late")
_EQUAL = ("early, equal budget", "late, equal budget")
_PARTS: dict[str, Callable[[Trial], Outcome]] = {"cohort": cohort_outcome, "budget": budget_outcome}


def tables(seeds: int, folder: Path) -> list[Table]:
    """Ridge; one table per setting; and how the cohort chose."""
    trials = [Trial(setting, seed) for seed in range(seeds) for setting in SETTINGS]
    found: Found = {}
    with progress_bar("strategies", len(trials) * len(_PARTS), "trials") as bar:
        for part, compute in _PARTS.items():
            for trial in trials:
                outcome = kept(folder, {"part": part} | asdict(trial), partial(compute, trial))
                found.setdefault((trial.setting.name, part), []).append(outcome)
                bar.update(1)
    return [*laid_out(found), ridge_table(seeds)]


def laid_out(found: Found) -> list[Table]:
    """Outcomes by setting and part, in the order of the seeds."""
    return [_aim(found), *(_strategies(setting, found) for setting in SETTINGS), _choices(found)]


def _errors(setting: Setting, found: Found) -> dict[str, list[float]]:
    """By method, one figure per seed."""
    told = [found[setting.name, part] for part in _PARTS]
    return {name: [each.errors[name] for each in outcomes] for outcomes in told for name in outcomes[0].errors}


def _aim(found: Found) -> Table:
    """Whether the ensemble is as good as the best single strategy, untold, and as the best of its cost."""
    header = ["setting", "best single strategy", "ensemble − it", "within one s.e., or better"]
    table = Table("The aim", [*header, "best of equal budget", "ensemble − it"])
    for setting in SETTINGS:
        errors = _errors(setting, found)
        best, rival = best_of(errors, _SINGLE), best_of(errors, _EQUAL)
        aim = "kept" if is_within(errors, "ensemble", best) else "MISSED"
        against = [difference_cell(errors, "ensemble", other) for other in (best, rival)]
        table.rows.append([setting.name, best, against[0], aim, rival, against[1]])
    return table


def _strategies(setting: Setting, found: Found) -> Table:
    outcomes = found[setting.name, "cohort"]
    variance_Z = [outcome.told["variance"] for outcome in outcomes]
    return strategies_table(setting.name, _errors(setting, found), _SINGLE, variance_Z)


def _choices(found: Found) -> Table:
    table = Table(
        "What the cohort chose",
        [
            "setting",
            "ρ (how often)",
            "clusters",
            "in the top cluster",
            "in the ensemble",
            "networks of equal budget",
        ],
    )
    for setting in SETTINGS:
        cohort, budget = found[setting.name, "cohort"], found[setting.name, "budget"]
        rhos = Counter(outcome.told["rho"] for outcome in cohort)
        sizes = [mean_cell([outcome.told[name] for outcome in cohort]) for name in ("clusters", "top", "in ensemble")]
        networks = str(budget[0].told["networks"])
        table.rows.append([setting.name, _how_often(rhos), *sizes, networks])
    return table


def _how_often(rhos: Counter[float]) -> str:
    return ", ".join(f"{rho:g} ({rhos[rho]})" for rho in sorted(rhos))


def ridge_table(seeds: int, settings: Sequence[Setting] = SETTINGS) -> Table:
    """What a linear fit makes of the same data: the check that they are made as they should be."""
    table = Table("Ridge regression on the same data, test MSE", ["setting", *_SINGLE])
    for setting in settings:
        errors = [ridge_errors(draw(setting, seed)) for seed in range(seeds)]
        table.rows.append([setting.name, *(mean_cell([each[name] for each in errors]) for name in _SINGLE)])
    return table
