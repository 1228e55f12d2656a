"""What a member is told by the labels, and by its betters. Shapes: M members, B rows, C outputs."""

from __future__ import annotations

from typing import Literal

import torch

Task = Literal["classes", "regression"]


def task_losses(task: Task, outputs_MBC: torch.Tensor, target_BC: torch.Tensor) -> torch.Tensor:
    """Shape (M, B): cross-entropy with a distribution in nats, or the squared error, mean over the outputs.

    >>> task_losses("regression", torch.tensor([[[1.0]], [[3.0]]]), torch.tensor([[1.0]])).tolist()
    [[0.0], [4.0]]
    """
    if task == "classes":
        return -(target_BC * outputs_MBC.log_softmax(dim=-1)).sum(dim=-1)
    return (outputs_MBC - target_BC).square().mean(dim=-1)


def mean_over(losses_MB: torch.Tensor, can_MB: torch.Tensor | None) -> torch.Tensor:
    """Shape (M,): the mean over the rows that a member can answer; 0 where a batch has none of them."""
    if can_MB is None:
        return losses_MB.mean(dim=-1)
    return (losses_MB * can_MB).sum(dim=-1) / can_MB.sum(dim=-1).clamp(min=1)


def divergences(
    task: Task, outputs_MBC: torch.Tensor, weights_MM: torch.Tensor, can_MB: torch.Tensor | None = None
) -> torch.Tensor:
    r"""How far each member is from those that teach it::

        sum_{J != I} d_J D(f_I, stopgrad f_J) / sum_{J != I} d_J

    Section 3 of arXiv:2507.20089. D is KL(softmax f_J || softmax f_I) for classes, the squared error for regression. Of
    both only the teachers' mean decides the gradient, so that no pair is looked at by itself.

    Args:
        task: What D is.
        outputs_MBC: Logits, or numbers.
        weights_MM: Row I: d_J of those that teach I, 0 for I itself.
        can_MB: Who can answer which row. The sums are then over those of J that can.

    Returns:
        Shape (M, B); 0 where nobody teaches I, or nobody who can answer the row.
    """
    can_MB = outputs_MBC.new_ones(outputs_MBC.shape[:2]) if can_MB is None else can_MB.to(outputs_MBC.dtype)
    told_MBC = outputs_MBC.detach()
    told_MBC = (told_MBC.softmax(dim=-1) if task == "classes" else told_MBC) * can_MB[..., None]
    taught_MB = weights_MM @ can_MB
    per_MB = 1 / taught_MB.where(taught_MB > 0, torch.inf)  # 0 where nobody teaches
    mean_MBC = torch.einsum("ij,jbc->ibc", weights_MM, told_MBC) * per_MB[..., None]
    if task == "classes":
        own_MB = torch.special.xlogy(told_MBC, told_MBC).sum(dim=-1)
        found_MB = (weights_MM @ own_MB) * per_MB - (mean_MBC * outputs_MBC.log_softmax(dim=-1)).sum(dim=-1)
    else:
        # E_J (f_I - f_J)^2 = (f_I - E_J f_J)^2 + Var_J f_J
        squares_MBC = torch.einsum("ij,jbc->ibc", weights_MM, told_MBC.square()) * per_MB[..., None]
        spread_MBC = squares_MBC - mean_MBC.square()
        found_MB = ((outputs_MBC - mean_MBC).square() + spread_MBC).mean(dim=-1)
    return found_MB * can_MB * (taught_MB > 0)


def teaching(top_M: torch.Tensor) -> torch.Tensor:
    """Shape (M, M): row I has 1 for each member of the top cluster but I itself.

    >>> teaching(torch.tensor([True, False, True])).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    return top_M.float().repeat(len(top_M), 1).fill_diagonal_(0)
