"""`labels: generative`: what the student learns from, made of every view of the target at once; never of gold."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.encoders.embedding import embed
from tasks.encoders.features import Features
from tasks.encoders.speakers import SpeakerCentred
from tasks.fusion.base import Draws
from tasks.fusion.completing import completed
from tasks.fusion.generative import GenerativeRule
from tasks.maths.threads import one_thread
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.base import TrainingData
from tasks.students.chance import FIRST_FREE_STREAM, Chance
from tasks.students.faults import Checked

_PASSES = FIRST_FREE_STREAM + 1
_CHUNK_CLIPS = 64


def relabelled(
    head: Head, data: TrainingData, seed: int, standardise: Literal["teacher", "target"] = "target"
) -> TrainingData:
    """The same clips with labels by the generative rule.

    The teachers are the others as they answered, and the classifier anew: with the target's statistics, and, where
    it is known who speaks, in a second round with each speaker's own part taken away. The classifier hears a target in
    this way far better than as its source left it. The student, which never knows who speaks, learns what it heard.

    Args:
        head: The source classifier; left as it is.
        data: With the other teachers' draws, no rule, and who speaks.
        seed: Of the classifier's dropout.
        standardise: `teacher`: the classifier keeps its own statistics; it may have been trained without any.
    """
    # One clip that is not finite would spoil its speaker's mean, and with it the others' labels.
    heard = Checked(data.still, data.names)
    labels_NC = _labels(head, heard, data, seed, standardise)
    if data.speakers is not None and any(name is not None for name in data.speakers):
        # What tells speakers apart is what is left once the labels of the first round have explained their part.
        labels_NC = _labels(head, SpeakerCentred(heard, data.speakers, labels_NC), data, seed, standardise)
    return replace(data, labels_NC=torch.from_numpy(labels_NC).to(data.labels_NC))


def _labels(
    head: Head, features: Features, data: TrainingData, seed: int, standardise: Literal["teacher", "target"]
) -> NDArray[np.float64]:
    """By the generative rule, from the other teachers and from the classifier that hears these features."""
    others = [draws for draws in data.draws if draws is not None]
    hearing = copy.deepcopy(head).eval()
    if standardise == "target":
        hearing.standardise_by(statistics_of(features))
    teachers = [*others, _anew(hearing, features, data.classifier_draws, Chance(seed))]
    said = [Draws(teacher.probs_NKC.double().numpy(), teacher.valid_NK.numpy()) for teacher in teachers]
    if data.lacks_TC is not None:
        said = completed(said, data.lacks_TC)
    seen_ND = embed(features)
    fitted = GenerativeRule().fit(said, [str(t) for t in range(len(said))], seen_ND)
    labels_NC = np.asarray(fitted.posterior(said, seen_ND))
    # A clip of which no teacher says enough keeps the label that it came with.
    return np.where(np.isnan(labels_NC), data.labels_NC.double().numpy(), labels_NC)


@torch.no_grad()
def _anew(head: Head, features: Features, draws: int, chance: Chance) -> Draws:
    """The classifier's draws of these features; a chunk at a time."""
    parts: list[torch.Tensor] = []
    valid: list[torch.Tensor] = []
    with one_thread():
        for rows_B in torch.arange(len(features)).split(_CHUNK_CLIPS):
            masks = head.keyed_masks(chance.keys(_PASSES, 0, rows_B, draws))
            hidden_BKH = head.hidden(features.rows(rows_B.tolist()).to("cpu"), masks)
            parts.append(torch.softmax(head.logits(hidden_BKH, masks), dim=-1))
            valid.append(head.answers(hidden_BKH, masks))
    return Draws(torch.cat(parts), torch.cat(valid))
