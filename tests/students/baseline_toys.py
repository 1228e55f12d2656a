"""A second, literal NumPy implementation of the head's pass, and one step of training as an objective sees it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import entropy

from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.objective import Moment, Objective

FloatArray = NDArray[np.float64]
CLASSES = ["angry", "happy", "sad"]


def pass_by_hand(
    head: Head, features_LD: FloatArray, pooled_D: FloatArray | float = 1.0, hidden_H: FloatArray | float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """One clip under one pair of masks (or none): what the last layer hears before its mask, and the logits."""
    of = {name: tensor.detach().double().numpy() for name, tensor in head.state_dict().items()}
    mean_D = softmax(of["layer_scores"]) @ ((features_LD - of["mean_LD"]) / of["std_LD"])
    hidden = np.maximum(0, of["to_hidden.weight"] @ (mean_D * pooled_D) + of["to_hidden.bias"])
    return hidden, of["to_logits.weight"] @ (hidden * hidden_H) + of["to_logits.bias"]


def features_of(data: TrainingData) -> FloatArray:
    """Of all clips, shape (N, L, D)."""
    return data.features.rows(range(len(data))).means_BLD().double().numpy()


def all_by_hand(head: Head, data: TrainingData) -> tuple[FloatArray, FloatArray]:
    """What the last layer hears of all clips, and class probabilities, without dropout."""
    passes = [pass_by_hand(head, features_LD) for features_LD in features_of(data)]
    return np.array([hidden for hidden, _ in passes]), softmax([logits for _, logits in passes], axis=-1)


@dataclass
class Step:
    """One step: what the objective is given, and the same by hand."""

    at: Moment
    rows: list[int]
    hidden_BH: FloatArray
    probs_BC: FloatArray


def step_of(head: Head, data: TrainingData, rows: list[int], step: int = 0, epoch: int = 0) -> Step:
    """The student's pass over some clips with dropout."""
    rows_B, heard = torch.tensor(rows), data.features.rows(rows)
    masks = head.draw_masks(len(rows), 1, torch.Generator().manual_seed(step))
    hidden_B1H = head.hidden(heard, masks)
    logits_BC = head.logits(hidden_B1H, masks)[:, 0]
    at = Moment(step, epoch, rows_B, heard, hidden_B1H[:, 0], logits_BC, head.pooled(heard))
    pooled_BD, kept_BH = masks.pooled_NKD[:, 0].double().numpy(), masks.hidden_NKH[:, 0].double().numpy()
    features = features_of(data)
    passes = [pass_by_hand(head, features[n], pooled_BD[b], kept_BH[b]) for b, n in enumerate(rows)]
    hidden_BH = np.array([hidden for hidden, _ in passes])
    return Step(at, rows, hidden_BH, softmax([logits for _, logits in passes], axis=-1))


def parts_of(objective: Objective, step: Step) -> dict[str, float]:
    """What the objective says of a step."""
    with torch.no_grad():
        objective.begin(step.at.step, step.at.epoch, step.at.rows_B, step.at.heard)
    return {name: part.item() for name, part in objective.parts(step.at).items()}


def information_by_hand(probs_BC: FloatArray) -> dict[str, float]:
    """Information maximisation: mean entropy, and the negative entropy of the mean."""
    return {"entropy": float(np.mean(entropy(probs_BC, axis=-1))), "div": -float(entropy(probs_BC.mean(axis=0)))}


def unit(vectors: FloatArray) -> FloatArray:
    """Each row with length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def nearest_by_hand(unit_NH: FloatArray, row: int, k: int) -> list[int]:
    """The K rows nearest to one of them in cosine."""
    others = [n for n in range(len(unit_NH)) if n != row]
    return sorted(others, key=lambda n: -float(unit_NH[n] @ unit_NH[row]))[:k]


@torch.no_grad()
def stir(head: Head) -> None:
    """Other weights, as if training had gone on."""
    generator = torch.Generator().manual_seed(9)
    for parameter in head.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
