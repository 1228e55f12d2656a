"""Checks of who teaches, how strongly, and who is left out of the ensemble."""

from __future__ import annotations

import time

import torch

from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.phases import Phases, Trained
from bench.meta_fusion.trial import RHOS, Trial

_TRIED_RHOS = (0.1, 0.5, 1.0, 2.0, 5.0)
_CLUSTERS = (2, 3, 5, 8)
_PRUNED = (0.0, 0.2, 0.5, 0.8)
_RHO = 1.0  # where it is not what is looked at


def who_teaches(trial: Trial) -> Outcome:
    """Nobody, the top cluster, or everybody, at each ρ; the ensemble, and the members of the top cluster one by one."""
    started, phases = time.process_time(), Phases(trial)
    top_M = phases.top_M()
    everybody_M = torch.ones_like(top_M)
    tried = {"nobody teaches": phases.alone}
    for rho in RHOS:
        tried[f"the top cluster teaches, ρ = {rho:g}"] = phases.trained(rho, top_M)
        tried[f"everybody teaches, ρ = {rho:g}"] = phases.trained(rho, everybody_M)
    errors = {f"ensemble: {name}": phases.ensemble_error(trained) for name, trained in tried.items()}
    errors |= {f"a member: {name}": phases.mean_error(trained, everybody_M) for name, trained in tried.items()}
    return Outcome(errors, {}, time.process_time() - started)


def how_strongly(trial: Trial) -> Outcome:
    """The ensemble after each ρ, and after the one that validates best over the top cluster."""
    started, phases = time.process_time(), Phases(trial)
    top_M = phases.top_M()
    tried = {0.0: phases.alone} | {rho: phases.trained(rho, top_M) for rho in _TRIED_RHOS}
    errors = {f"ρ = {rho:g}": phases.ensemble_error(trained) for rho, trained in tried.items()}
    chosen = min(tried, key=lambda rho: float(tried[rho].losses_M[top_M].double().mean()))
    errors["chosen by validation"] = errors[f"ρ = {chosen:g}"]
    return Outcome(errors, {"rho": chosen}, time.process_time() - started)


def how_many_clusters(trial: Trial) -> Outcome:
    """The ensemble at ρ = 1 when the top cluster is of so many."""
    started, phases = time.process_time(), Phases(trial)
    errors, sizes = {}, {}
    for k in (*_CLUSTERS, None):
        name = "by silhouette" if k is None else f"{k} clusters"
        top_M = phases.top_M(k)
        errors[name] = phases.ensemble_error(phases.trained(_RHO, top_M))
        sizes[name] = int(top_M.sum())
    return Outcome(errors, {"top": sizes}, time.process_time() - started)


def how_many_pruned(trial: Trial) -> Outcome:
    """The ensemble at ρ = 1 when so many of the members cannot enter it; the members are the same in all rows."""
    started, phases = time.process_time(), Phases(trial)
    trained: Trained = phases.trained(_RHO, phases.top_M())
    errors = {f"{share:.0%} pruned": phases.ensemble_error(trained, share) for share in _PRUNED}
    errors["best member"] = phases.data.error(trained.outputs_MNC[int(trained.losses_M.argmin())])
    return Outcome(errors, {}, time.process_time() - started)
