"""A teacher that lacks a class makes room for it, as much as the others that know it give it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.fusion.base import Draws
from tasks.fusion.completing import completed, lacking
from tasks.maths.uncertainty import mean_draw, mutual_information

NONE = [False, False, False]
FIRST = [True, False, False]


def draws(seed: int, lacks: list[bool], n: int = 4, k: int = 3) -> Draws:
    rng = np.random.default_rng(seed)
    knows_C = ~np.array(lacks)
    probs = rng.dirichlet(np.ones(3), size=(n, k)) * knows_C
    valid = rng.random((n, k)) < 0.8
    return Draws(probs / probs.sum(axis=-1, keepdims=True) * valid[..., None], valid)


def literal(teachers: list[Draws], lacks: list[list[bool]], t: int) -> NDArray[np.float64]:
    """Clip by clip, draw by draw."""
    probs = teachers[t].probs_NKC.copy()
    for n, k in np.argwhere(teachers[t].valid_NK):
        mass = {}
        for c in np.flatnonzero(lacks[t]):
            word = [
                np.mean([d.probs_NKC[n, i, c] for i in np.flatnonzero(d.valid_NK[n])])
                for s, d in enumerate(teachers)
                if s != t and not lacks[s][c] and d.valid_NK[n].any()
            ]
            mass[c] = np.mean(word) if word else 0.0
        total = sum(mass.values())
        mass = {c: m / max(total, 1.0) for c, m in mass.items()}
        for c in range(3):
            probs[n, k, c] = mass[c] if c in mass else (1 - sum(mass.values())) * probs[n, k, c]
    return probs


@given(st.integers(0, 200), st.sampled_from([[NONE, FIRST, NONE], [FIRST, [False, True, True], NONE]]))
def test_it_is_the_formula_clip_by_clip(seed: int, lacks: list[list[bool]]) -> None:
    teachers = [draws(seed + t, lacks[t]) for t in range(3)]
    found = completed(teachers, np.array(lacks))
    for t in range(3):
        np.testing.assert_allclose(found[t].probs_NKC, literal(teachers, lacks, t), atol=1e-12)


@given(st.integers(0, 200))
def test_completed_draws_are_distributions_where_they_are_valid(seed: int) -> None:
    lacks = [[False, True, False], FIRST, FIRST]
    found = completed([draws(seed + t, lacks[t]) for t in range(3)], np.array(lacks))
    for teacher in found:
        np.testing.assert_allclose(teacher.probs_NKC.sum(axis=-1), teacher.valid_NK, atol=1e-12)


@given(st.integers(0, 200))
def test_mutual_information_shrinks_by_the_mass_that_is_given_away(seed: int) -> None:
    """A class of which each draw says the same takes part in no disagreement."""
    knows, lacks_it = draws(seed, NONE), draws(seed + 1, FIRST)
    found = completed([knows, lacks_it], np.array([NONE, FIRST]))[1]
    given_N = np.nan_to_num(mean_draw(knows.probs_NKC, knows.valid_NK)[:, 0])
    before_N = mutual_information(lacks_it.probs_NKC, lacks_it.valid_NK)
    after_N = mutual_information(found.probs_NKC, found.valid_NK)
    np.testing.assert_allclose(after_N, (1 - given_N) * before_N, atol=1e-9)


def test_a_teacher_that_knows_all_is_left_as_it_is() -> None:
    knows = draws(0, NONE)
    assert completed([knows, draws(1, FIRST)], np.array([NONE, FIRST]))[0] is knows


def test_where_nobody_else_answered_the_draw_stays_as_it_is() -> None:
    silent = Draws(np.zeros((4, 3, 3)), np.zeros((4, 3), dtype=bool))
    lacks_it = draws(1, FIRST)
    found = completed([silent, lacks_it], np.array([NONE, FIRST]))[1]
    np.testing.assert_allclose(found.probs_NKC, lacks_it.probs_NKC, atol=1e-12)


def test_what_stands_at_a_lacking_class_is_left_out_before() -> None:
    """An open place of a student in training says something there that its teacher cannot know."""
    opened = Draws(np.array([[[0.5, 0.25, 0.25]]]), np.ones((1, 1), dtype=bool))
    knows = Draws(np.array([[[0.2, 0.8, 0.0]]]), np.ones((1, 1), dtype=bool))
    found = completed([knows, opened], np.array([NONE, FIRST]))[1]
    np.testing.assert_allclose(found.probs_NKC, [[[0.2, 0.4, 0.4]]])


def test_torch_gives_what_numpy_gives() -> None:
    teachers = [draws(0, NONE), draws(1, FIRST)]
    tensors = [Draws(torch.from_numpy(d.probs_NKC), torch.from_numpy(d.valid_NK)) for d in teachers]
    lacks = np.array([NONE, FIRST])
    for ours, theirs in zip(completed(teachers, lacks), completed(tensors, lacks), strict=True):
        np.testing.assert_allclose(theirs.probs_NKC.numpy(), ours.probs_NKC, atol=1e-12)


def test_a_teacher_that_lacks_every_class_is_refused() -> None:
    with pytest.raises(ValueError, match="each teacher must know a class"):
        completed([draws(0, NONE), draws(1, NONE)], np.array([NONE, [True] * 3]))


def test_what_is_declared_by_name_stands_in_the_order_of_teachers_and_classes() -> None:
    found = lacking({"classifier": ["happy"]}, ["lalm", "classifier"], ["angry", "happy"])
    assert found.tolist() == [[False, False], [False, True]]
