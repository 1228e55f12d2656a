"""The first sentences of a report: does the student beat its teachers, and by how much."""

from collections.abc import Mapping
from typing import Any

from tasks.evaluation.compare import gap_recovered, ua_margin
from tasks.evaluation.systems import FUSED, STUDENT, count_clips, system_title, teachers_of

Metrics = Mapping[str, Mapping[str, Any]]

_TIE = 5e-4  # below half a tenth of a point, which is what the tables show


def headline(metrics: Metrics) -> str:
    """One plain sentence with figures: the student against each of its teachers, also where it loses.

    >>> headline({"source": {"ua": 0.40}, "lalm": {"ua": 0.45}, "student": {"ua": 0.485}})
    'The student beats both teachers: UA 48.5% against 45.0% (LALM) and 40.0% (source classifier).'
    """
    ua = metrics[STUDENT]["ua"]
    teachers = sorted(teachers_of(metrics), key=lambda name: -metrics[name]["ua"])
    beaten = [name for name in teachers if ua - metrics[name]["ua"] > _TIE]
    against = _join([f"{_percent(metrics[name]['ua'])} ({system_title(name)})" for name in teachers])
    return f"The student {_verdict(beaten, teachers)}: UA {_percent(ua)} against {against}."


def remarks(metrics: Metrics) -> list[str]:
    """What a careful reader asks next: the best teacher, the fused labels without training, how sure this is."""
    sentences = [_compare_with_best_and_fused(metrics)]
    gap = gap_recovered(metrics)
    if gap is not None:
        share = f"{100 * gap:.0f}%".replace("-", "−")
        sentences.append(f"Gap recovered: {share} of what always choosing the right teacher would gain.")
    margin, n = ua_margin(metrics[STUDENT]["confusion"]), metrics[STUDENT]["n"]
    sentences.append(f"With {count_clips(n)}, its UA is known to about ± {100 * margin:.1f} points.")
    return sentences


def headline_without_gold(summary: Mapping[str, Any]) -> str:
    """What stands in the first sentence where nobody knows what is right."""
    systems, pairs = summary["systems"], summary["agreement"]["pairs"]
    with_fused = pairs[STUDENT][FUSED]
    if with_fused is None:
        return "The student and the fused labels have no clip in common."
    sentence = (
        f"The student names the same class as the fused labels on {_percent(with_fused)} of {count_clips(summary['n'])}"
    )
    teachers = teachers_of(systems)
    between = [pairs[a][b] for i, a in enumerate(teachers) for b in teachers[i + 1 :] if pairs[a][b] is not None]
    if not between:
        return f"{sentence}."
    return f"{sentence}; its teachers agree with each other on {_percent(sum(between) / len(between))}."


def _compare_with_best_and_fused(metrics: Metrics) -> str:
    ua, teachers = metrics[STUDENT]["ua"], teachers_of(metrics)
    best = max(teachers, key=lambda name: metrics[name]["ua"])
    better = {1: "its teacher", 2: "the better teacher"}.get(len(teachers), "the best teacher")
    sentence = f"It is {_distance(ua, metrics[best]['ua'])} {better} ({system_title(best)})"
    if FUSED not in metrics:
        return f"{sentence}."
    fused = metrics[FUSED]["ua"]
    verdict = {"level with": ": training added nothing", "below": ": training did harm"}
    compared = _distance(ua, fused)
    return (
        f"{sentence} and {compared} the fused labels without training{verdict.get(compared.split(' points ')[-1], '')}."
    )


def _verdict(beaten: list[str], teachers: list[str]) -> str:
    everyone = {1: "its teacher", 2: "both teachers"}.get(len(teachers), f"all {len(teachers)} teachers")
    if len(beaten) == len(teachers):
        return f"beats {everyone}"
    if not beaten:
        nobody = {1: "does not beat its teacher", 2: "beats neither teacher"}
        return nobody.get(len(teachers), "beats none of its teachers")
    return f"does not beat {everyone}, only the {_join([system_title(name) for name in beaten])}"


def _distance(ua: float, other: float) -> str:
    points = f"{100 * abs(ua - other):.1f} points"
    return "level with" if abs(ua - other) <= _TIE else f"{points} {'above' if ua > other else 'below'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _join(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
