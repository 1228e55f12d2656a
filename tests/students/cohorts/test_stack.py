"""Members trained side by side are the members trained alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tasks.students.cohorts.members import values_of
from tasks.students.cohorts.phase import Phase
from tasks.students.cohorts.stack import Stack
from tests.students.cohorts.toys import N, course, lesson, modalities

MEMBERS = lesson().members
WIDTHS = [values_ND.shape[1] for values_ND in values_of(modalities())]


def alone(m: int, seed: int = 0, n_outputs: int = 1) -> nn.Sequential:
    """The member as a plain network over the concatenation, with the weights that it has in a stack."""
    stack, member = Stack(MEMBERS, WIDTHS, n_outputs, seed), MEMBERS[m]
    layers = [nn.Linear(sum(WIDTHS[p] for p in member.places), 128), nn.Linear(128, 64), nn.Linear(64, n_outputs)]
    listeners = [[i for i, each in enumerate(MEMBERS) if p in each.places] for p in range(len(WIDTHS))]
    firsts = [stack.first[p][:, listeners[p].index(m)] for p in member.places]
    weights = [torch.cat(firsts), stack.second_MHH[m], stack.last_MHC[m]]
    biases = [stack.first_bias_MH[m], stack.second_bias_M1H[m, 0], stack.last_bias_M1C[m, 0]]
    with torch.no_grad():
        for layer, weight, bias in zip(layers, weights, biases, strict=True):
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


@pytest.mark.parametrize("m", range(len(MEMBERS)))
def test_a_member_says_what_its_mlp_over_the_concatenation_says(m: int) -> None:
    values = values_of(modalities())
    stack = Stack(MEMBERS, WIDTHS, 1, seed=0)
    expected = alone(m)(torch.cat([values[p] for p in MEMBERS[m].places], dim=1))
    torch.testing.assert_close(stack(values)[m], expected)


def test_first_weights_are_spread_as_those_of_a_linear_layer() -> None:
    """Uniform within ± 1 / √(inputs)."""
    weights = Stack(MEMBERS, WIDTHS, 1, seed=0).second_MHH.detach()
    assert weights.abs().max() <= 128**-0.5
    assert weights.std().item() == pytest.approx(128**-0.5 / 3**0.5, rel=0.02)


def test_a_member_begins_with_the_same_weights_whoever_else_is_in_the_cohort() -> None:
    all_of_them, few = (Stack(members, WIDTHS, 1, seed=0) for members in (MEMBERS, [MEMBERS[5], MEMBERS[2]]))
    assert torch.equal(all_of_them.second_MHH[5], few.second_MHH[0])


def test_another_seed_gives_other_weights() -> None:
    one, other = (Stack(MEMBERS, WIDTHS, 1, seed).last_MHC for seed in (0, 1))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("m", [0, 3, 7])
def test_training_side_by_side_is_training_alone(m: int) -> None:
    """rho = 0, the same seed, the same batches: plain torch comes to the same outputs."""
    asked, together = course(steps=30, look_every=30), lesson()
    phase, network = Phase(asked, together), alone(m)
    optimiser = torch.optim.Adam(network.parameters(), lr=asked.learning_rate)
    heard_ND = torch.cat([together.values[p] for p in MEMBERS[m].places], dim=1)
    for _ in range(30):
        rows_B = phase._rows()
        optimiser.zero_grad()
        (network(heard_ND[rows_B]) - together.target_NC[rows_B]).square().mean().backward()
        optimiser.step()
        phase.advance()
    torch.testing.assert_close(phase.best(together.values)[m], network(heard_ND), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("m", [0, 3, 7])
def test_a_cohort_of_one_is_that_member_of_the_cohort(m: int) -> None:
    together = lesson()
    whole, single = Phase(course(), together), Phase(course(), replace(together, members=[MEMBERS[m]]))
    for _ in range(12):
        whole.advance()
        single.advance()
    np.testing.assert_allclose(whole.best_M[m], single.best_M[0], rtol=1e-5)
    torch.testing.assert_close(whole.best(together.values)[m], single.best(together.values)[0], atol=1e-5, rtol=1e-5)


def test_only_the_named_members_weights_are_taken() -> None:
    values = values_of(modalities())
    one, other = (Stack(MEMBERS, WIDTHS, 1, seed) for seed in (0, 1))
    before, theirs = one(values), other(values)
    which_M = torch.tensor([m in (1, 6) for m in range(len(MEMBERS))])
    one.take(other, which_M)
    expected = torch.where(which_M[:, None, None], theirs, before)
    assert torch.equal(one(values), expected)
    assert one(values).shape == (8, N, 1)
