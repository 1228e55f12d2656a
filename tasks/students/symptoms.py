"""Signs that training will fail or has failed, told with the setting to change. Pure: labels and curves → sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.maths.uncertainty import entropy
from tasks.students.base import Named, Student, TrainingData

_UNIFORM = 0.97  # of the largest entropy: the best class has about 0.35 where there are four
_WITHOUT = 0.1  # a class that falls below this part of its share among the labels has collapsed
_ENOUGH_CLIPS = 5  # a class of fewer labels may be missed by chance
_TURNING_BACK = 0.1  # of the clips: named as two looks ago, but not as in between
_STANDING_STILL = 0.005  # of the clips are named otherwise than at the start
_LEARNT = 0.9  # a student that agrees so often with its labels had nothing to learn


def symptoms_before(data: TrainingData, classes: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """What the pseudo-labels say of the training that is to come.

    Args:
        data: The target's clips.
        classes: Names.
        settings: The trainer's, by name.
    """
    shares_C = _shares(data.labels_NC.argmax(dim=-1).numpy(), len(classes))
    told = [*_one_class(shares_C, classes), *_never_named(data, shares_C, classes, settings)]
    certainty = float(np.mean(entropy(data.labels_NC.double().numpy()))) / math.log(len(classes))
    if certainty > _UNIFORM:
        told.append(
            f"the pseudo-labels are nearly uniform (mean entropy {certainty:.0%} of the largest): there is little to "
            "learn from them. Look at the teachers' own columns with `mifuse inspect`; a better prompt or fuse.kind "
            "single may say more."
        )
    if len(data) < settings.get("batch_size", 0):
        told.append(
            f"{len(data)} clips are fewer than student.batch_size ({settings['batch_size']}): each step sees all of "
            "them. More clips would make a better student."
        )
    return told


def symptoms_after(
    student: Student,
    labels_NC: torch.Tensor,
    classes: Sequence[str],
    settings: Mapping[str, Any],
    *,
    went_on: bool = False,
) -> list[str]:
    """What training itself says of how it went; nothing where it was not looked at.

    Args:
        student: What came out.
        labels_NC: The pseudo-labels that it started to learn from.
        classes: Names.
        settings: The trainer's, by name.
        went_on: From an earlier student, whose answers may well be kept.
    """
    if student.named is None:
        return []
    named = student.named
    labels_M = labels_NC[named.rows_M].argmax(dim=-1).numpy()
    return [
        *_collapsed(named, labels_M, classes, settings),
        *_oscillating(named, settings),
        *([] if went_on else _standing_still(named, student.curves, settings)),
    ]


def _one_class(shares_C: NDArray[np.float64], classes: Sequence[str]) -> list[str]:
    if shares_C.max() < 1:
        return []
    return [
        f"every pseudo-label names {classes[int(shares_C.argmax())]}: the student can learn little more "
        "than to say that. Look at what each teacher says with `mifuse inspect`; then change the prompt, fuse.kind, or "
        "the clips."
    ]


def _never_named(
    data: TrainingData, shares_C: NDArray[np.float64], classes: Sequence[str], settings: Mapping[str, Any]
) -> list[str]:
    by_teachers_C = np.zeros(len(classes), dtype=bool)
    asked = [draws for draws in data.draws if draws is not None]
    for draws in asked:
        by_teachers_C[np.unique(np.asarray(draws.probs_NKC)[np.asarray(draws.valid_NK)].argmax(axis=-1))] = True
    missing = [c for c in range(len(classes)) if shares_C[c] == 0] if shares_C.max() < 1 else []
    return [_missing_told(classes[c], bool(asked) and not by_teachers_C[c], settings) for c in missing]


def _missing_told(name: str, in_no_draw: bool, settings: Mapping[str, Any]) -> str:
    where = f"no pseudo-label names {name}" + (", nor does any draw of a teacher that is asked" if in_no_draw else "")
    pushed = ", and lower student.diversity, which pushes the student to name it" if "diversity" in settings else ""
    return (
        f"{where}: the student will not learn it. If it does not occur, take it out of classes{pushed}; if it does, "
        "look at the prompt and its synonyms for it."
    )


def _collapsed(
    named: Named, labels_M: NDArray[np.int64], classes: Sequence[str], settings: Mapping[str, Any]
) -> list[str]:
    asked_C, found_C = (_shares(values, len(classes)) for values in (labels_M, named.classes_PM[-1].numpy()))
    lost = [
        c
        for c in range(len(classes))
        if asked_C[c] * len(labels_M) >= _ENOUGH_CLIPS and found_C[c] < _WITHOUT * asked_C[c]
    ]
    advice = _advice(settings, diversity="raise", learning_rate="lower")
    return [
        f"class collapse: {asked_C[c]:.0%} of the pseudo-labels name {classes[c]}, but after {named.steps[-1]} steps "
        f"the student names it for {found_C[c]:.1%} of the clips. {advice}."
        for c in lost
    ]


def _oscillating(named: Named, settings: Mapping[str, Any]) -> list[str]:
    looks = named.classes_PM.numpy()
    late = looks[len(looks) // 2 :]
    if len(late) < 3:
        return []
    back = float(((late[2:] == late[:-2]) & (late[2:] != late[1:-1])).mean())
    if back < _TURNING_BACK:
        return []
    # Where the labels stay as they are no moving teacher has a say.
    slower = {"ema": "raise"} if settings.get("teacher_refresh", "never") != "never" else {}
    advice = _advice(settings, learning_rate="lower", **slower)
    return [
        f"oscillation: in the second half of training {back:.0%} of the clips change their class and change "
        f"it back, from one look to the next but one. {advice}."
    ]


def _standing_still(named: Named, curves: Sequence[Mapping[str, float]], settings: Mapping[str, Any]) -> list[str]:
    moved = float((named.classes_PM[-1] != named.classes_PM[0]).float().mean())
    late = [point["agreement"] for point in curves[-max(1, len(curves) // 4) :] if "agreement" in point]
    if moved > _STANDING_STILL or not late or np.mean(late) > _LEARNT:
        return []
    advice = _advice(settings, learning_rate="raise", steps="raise")
    return [
        f"stagnation: after {named.steps[-1]} steps the student names {1 - moved:.1%} of the clips as the classifier "
        f"did that it started from, and {np.mean(late):.0%} as their labels do. {advice}."
    ]


def _shares(named_N: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    return np.bincount(named_N, minlength=n_classes) / len(named_N)


def _advice(settings: Mapping[str, Any], **verbs: str) -> str:
    """What to do, with the settings that this trainer has and their values now.

    >>> _advice({"ema": 0.9, "steps": 5}, learning_rate="lower", ema="raise", steps="raise")
    'Raise student.ema (now 0.9), or raise student.steps (now 5)'
    """
    told = [f"{verb} student.{name} (now {settings[name]:g})" for name, verb in verbs.items() if name in settings]
    return ", or ".join(told).capitalize()
