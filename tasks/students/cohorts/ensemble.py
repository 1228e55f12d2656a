"""Which members speak for the cohort, and with what weight."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tasks.students.cohorts.losses import Task, task_losses

_FIRST = 3
_LEAST_LOSS = 1e-12  # of a member without any error: 1 / loss stays finite


def ensemble(
    task: Task,
    outputs_MNC: torch.Tensor,
    target_NC: torch.Tensor,
    losses_M: torch.Tensor,
    prune: float = 0.2,
    can_MN: torch.Tensor | None = None,
) -> torch.Tensor:
    """Begins with the three best members and takes in whoever helps most, while the validation loss strictly falls.

    Section 3 of arXiv:2507.20089. Ties go to the member that comes first in the cohort.

    Args:
        task: What the loss is.
        outputs_MNC: Of validation rows.
        target_NC: Theirs.
        losses_M: Each member's validation loss; its weight is proportional to the inverse.
        prune: This share of the members, the worst, are no candidates.
        can_MN: Who can answer which row.

    Returns:
        Shape (M,): weights that sum to 1, 0 for those that are left out.
    """
    order = torch.argsort(losses_M, stable=True).tolist()
    candidates = order[: max(1, len(order) - int(prune * len(order)))]
    weights_M = 1 / losses_M.double().clamp(min=_LEAST_LOSS)

    def loss_of(chosen: Sequence[int]) -> float:
        answer_NC = answers(outputs_MNC, only(weights_M, chosen), losses_M, can_MN)
        return task_losses(task, answer_NC[None], target_NC).mean().item()

    chosen, rest = candidates[:_FIRST], sorted(candidates[_FIRST:])
    best = loss_of(chosen)
    while rest:
        loss, member = min((loss_of([*chosen, one]), one) for one in rest)
        if loss >= best:
            break
        chosen, best = [*chosen, member], loss
        rest.remove(member)
    return only(weights_M, chosen)


def only(weights_M: torch.Tensor, chosen: Sequence[int]) -> torch.Tensor:
    """These members' weights, made to sum to 1; 0 for all others."""
    kept_M = torch.zeros_like(weights_M)
    kept_M[list(chosen)] = weights_M[list(chosen)]
    return kept_M / kept_M.sum()


def answers(
    outputs_MNC: torch.Tensor, weights_M: torch.Tensor, losses_M: torch.Tensor, can_MN: torch.Tensor | None = None
) -> torch.Tensor:
    """Shape (N, C): the weighted mean of logits or numbers.

    Of a row that some of the ensemble cannot answer, the mean is over those that can; where none can, the best of all
    members that can speaks alone.

    Args:
        outputs_MNC: Of all members.
        weights_M: Of the ensemble, 0 for those that are not in it.
        losses_M: Validation losses: who is best.
        can_MN: Who can answer which row.
    """
    weights_M = weights_M.to(outputs_MNC.dtype)
    if can_MN is None:
        return torch.einsum("m,mnc->nc", weights_M, outputs_MNC)
    weights_MN = weights_M[:, None] * can_MN
    ranks_MN = losses_M.argsort(stable=True).argsort()[:, None].where(can_MN, len(losses_M))
    alone_MN = torch.nn.functional.one_hot(ranks_MN.argmin(dim=0), len(losses_M)).T.to(weights_MN.dtype)
    weights_MN = weights_MN.where(weights_MN.sum(dim=0) > 0, alone_MN)
    return torch.einsum("mn,mnc->nc", weights_MN / weights_MN.sum(dim=0), outputs_MNC)
