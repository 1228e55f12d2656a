"""What a trial measures, on a setting small enough to train."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.lacking import without_last
from bench.meta_fusion.networks import early, n_networks
from bench.meta_fusion.phases import Phases
from bench.meta_fusion.representations import modalities_of, representations_of
from bench.meta_fusion.settings import ROWS, Setting
from bench.meta_fusion.trial import Data, Trial, cohort_outcome, mean_answer, single_strategies
from tasks.students.cohorts.cohort import Training
from tasks.students.cohorts.members import plan

SMALL = Setting("small", (6, 5), (2, 2), 2, (0.2, 0.2), own_form="linear", shared_form="linear")
TRIAL = Trial(SMALL, seed=0, epochs=1)


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(TRIAL)


@pytest.fixture(scope="module")
def phases() -> Phases:
    return Phases(TRIAL)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return cohort_outcome(TRIAL)


def test_an_error_is_in_the_unit_of_the_answer(data: Data) -> None:
    """Who always says the mean of the training rows errs by the variance around it."""
    seen_R, asked_R = data.sample.y_N[ROWS["train"]], data.sample.y_N[ROWS["test"]]
    assert data.error(torch.zeros(2000, 1)) == pytest.approx(np.mean((asked_R - seen_R.mean()) ** 2), rel=1e-5)


def test_every_strategy_and_the_cohort_are_measured(outcome: Outcome) -> None:
    assert [*outcome.errors] == ["modality 1", "modality 2", "early", "late", "best member", "ensemble"]


def test_a_cohort_of_two_modalities_with_two_latents_has_fifteen_members(outcome: Outcome) -> None:
    assert outcome.told["members"] == 15


def test_a_trial_is_the_same_each_time(outcome: Outcome) -> None:
    assert cohort_outcome(TRIAL).errors == outcome.errors


def test_strategies_are_members_that_nobody_taught(outcome: Outcome, phases: Phases) -> None:
    assert outcome.errors["early"] == single_strategies(phases.data, phases.lesson, phases.alone.outputs_MNC)["early"]


def test_late_is_the_mean_of_the_modalities_and_early_the_member_that_hears_both(data: Data) -> None:
    lesson = data.lesson(modalities_of(data.sample.values))
    alone_MNC = torch.randn(len(lesson.members), 2000, 1, generator=torch.Generator().manual_seed(0))
    named = {member.name: alone_MNC[m] for m, member in enumerate(lesson.members)}
    told = single_strategies(data, lesson, alone_MNC)
    assert told["early"] == data.error(named["modality 1: raw + modality 2: raw"])
    assert told["late"] == pytest.approx(data.error((named["modality 1: raw"] + named["modality 2: raw"]) / 2))
    assert told["modality 2"] == data.error(named["modality 2: raw"])


def test_an_equal_budget_is_as_many_multiplications() -> None:
    """By hand: two members of 10 and 30 inputs, twice, against networks of 40 inputs."""
    modalities = [early([np.eye(2000, 10)], 1), early([np.eye(2000, 30)], 1)]
    members = plan([replace(m, name=str(i)) for i, m in enumerate(modalities)])
    singles = [member for member in members if len(member.parts) == 1]
    inner = 128 * 64 + 64
    wanted = 2 * (10 * 128 + inner + 30 * 128 + inner) / (40 * 128 + inner)
    assert n_networks(singles, [10, 30], [10, 30], phases=2) == round(wanted)


def test_networks_of_equal_budget_differ_by_their_first_weights(data: Data) -> None:
    cohort = Training(TRIAL.course(rhos=()), data.lesson([early(data.sample.values, 2)])).run()
    assert not torch.allclose(cohort.outputs_MNC[0], cohort.outputs_MNC[1])


def test_networks_of_equal_budget_answer_by_their_mean(data: Data) -> None:
    both = early(data.sample.values, 2)
    outputs_MNC = Training(TRIAL.course(rhos=()), data.lesson([both])).run().outputs_MNC
    assert torch.allclose(mean_answer(TRIAL, data, both), (outputs_MNC[0] + outputs_MNC[1]) / 2)


@pytest.mark.parametrize("everyone", [False, True])
def test_a_single_phase_trains_as_the_whole_course_does(phases: Phases, everyone: bool) -> None:
    course = replace(TRIAL.course(rhos=(3.0,)), everyone_teaches=everyone)
    whole = Training(course, phases.lesson).run()
    top_M = phases.top_M()
    taught = phases.trained(3.0, torch.ones_like(top_M) if everyone else top_M)
    assert torch.allclose(taught.losses_M, whole.by_rho[3.0])
    assert top_M.tolist() == (whole.clusters_M == 0).tolist()


def test_the_ensemble_of_a_phase_is_that_of_the_whole_course(phases: Phases) -> None:
    whole = Training(TRIAL.course(rhos=()), phases.lesson).run()
    assert phases.ensemble_error(phases.alone) == pytest.approx(phases.data.error(whole.answers_NC))


def test_rows_with_and_without_a_modality_make_up_all_rows() -> None:
    errors = without_last(TRIAL, 0.5).errors
    whole, both, without = (errors[f"ensemble{part}"] for part in ("", ", rows with both", ", rows without 2"))
    assert min(both, without) < whole < max(both, without)


def test_what_stands_in_rows_that_lack_a_modality_is_not_heard(data: Data) -> None:
    lacks_N = np.arange(2000) % 2 == 0
    other_ND = np.where(lacks_N[:, None], 7.0, data.sample.values[1])
    heard, others = (
        representations_of(values_ND, np.flatnonzero(~lacks_N[ROWS["train"]]))
        for values_ND in (data.sample.values[1], other_ND)
    )
    for one, other in zip(heard, others, strict=True):
        assert torch.equal(one.values_ND[~lacks_N], other.values_ND[~lacks_N])


def test_where_all_rows_lack_a_modality_no_error_of_rows_with_both_is_made_up() -> None:
    errors = without_last(TRIAL, 1.0).errors
    assert errors["ensemble"] == errors["ensemble, rows without 2"]
    assert not any(name.endswith("with both") for name in errors)
