"""The whole course: which phases there are, who is chosen, what goes on after a cut, what is never read."""

import copy
from typing import Any

import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.students.cohorts.cohort import Cohort, Training
from tasks.students.cohorts.members import Modality, plan
from tasks.students.cohorts.phase import Phase
from tests.students.cohorts.toys import N, course, lesson, modalities, target


def run(task: str = "regression", missing: bool = False, **changed: Any) -> Cohort:
    return Training(course(task, **changed), lesson(task, missing)).run()


def same(one: Cohort, other: Cohort) -> bool:
    pairs = [(vars(one)[name], vars(other)[name]) for name in ("alone_M", "weights_M", "outputs_MNC", "answers_NC")]
    return one.rho == other.rho and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("task", ["classes", "regression"])
def test_it_learns_what_takes_both_modalities(task: str) -> None:
    cohort = run(task, steps=60, look_every=20)
    answers_NC, target_NC = cohort.answers_NC[128:], target(task)[128:]
    if task == "classes":
        assert (answers_NC.argmax(dim=1) == target_NC.argmax(dim=1)).float().mean() > 0.85
    else:
        assert (answers_NC - target_NC).square().mean() < 0.3 * target_NC.var()
    best = cohort.members[int(cohort.weights_M.argmax())]
    assert [modality for modality, _ in best.parts] == ["x", "z"]


@pytest.mark.parametrize("seed", range(3))
def test_rho_has_the_smallest_loss_over_the_top_cluster_alone(seed: int) -> None:
    """Of more than one member: nobody teaches one alone, so that it would not tell one rho from another."""
    cohort = run(clusters=2, seed=seed)
    at_top = {rho: losses_M[cohort.clusters_M == 0].mean().item() for rho, losses_M in cohort.by_rho.items()}
    assert list(at_top) == [0.0, 0.99, 3.0]
    assert len({*at_top.values()}) == 3
    assert cohort.rho == min(at_top, key=lambda rho: at_top[rho])


def test_without_rho_everybody_learns_alone_and_that_is_all() -> None:
    cohort = run(rhos=())
    assert cohort.rho == 0
    assert torch.equal(cohort.losses_M, cohort.alone_M)


def test_phase_1_begins_with_the_first_weights_again() -> None:
    """With nobody to teach, it is phase 0 once more."""
    asked, of = course(), lesson()
    first, second = Phase(asked, of), Phase(asked, of, rho=3.0, teaching_MM=torch.zeros(8, 8))
    for _ in range(asked.steps):
        first.advance()
        second.advance()
    assert torch.equal(first.best_M, second.best_M)


def test_the_taught_end_elsewhere_than_alone_and_a_teacher_that_nobody_teaches_where_it_was() -> None:
    asked, of = course(), lesson()
    teaching_MM = torch.zeros(8, 8)
    teaching_MM[1:, 0] = 1
    alone, taught = Phase(asked, of), Phase(asked, of, rho=3.0, teaching_MM=teaching_MM)
    for _ in range(asked.steps):
        alone.advance()
        taught.advance()
    assert alone.best_M[0] == taught.best_M[0]
    assert (alone.best_M[1:] != taught.best_M[1:]).all()


def test_the_weights_of_each_members_best_look_are_kept() -> None:
    asked, of = course(steps=40, look_every=4, learning_rate=0.3), lesson()  # too fast: losses go up and down
    phase = Phase(asked, of)
    rows_V, found = of.validation_R, []
    for _ in range(asked.steps):
        if phase.advance() is not None:
            outputs_MVC = phase._now(of.heard(rows_V))
            found.append((outputs_MVC - of.target_NC[rows_V]).square().mean(dim=(1, 2)).detach())
    best_M = torch.stack(found).min(dim=0).values
    kept_MVC = phase.best(of.heard(rows_V)).detach()
    assert not torch.equal(best_M, found[-1])
    torch.testing.assert_close((kept_MVC - of.target_NC[rows_V]).square().mean(dim=(1, 2)), best_M)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_run_that_goes_on_ends_in_the_same_bits(kept: int, missing: bool) -> None:
    states: list[dict[str, Any]] = []
    asked, of = course(), lesson(missing=missing)
    whole = Training(asked, of).run(keep=lambda state: states.append(copy.deepcopy(state)))  # as a file would
    begun = Training(asked, of)
    begun.restore(states[kept])
    assert begun.step == 12 * (kept + 1)
    assert same(begun.run(), whole)


def test_a_run_cut_within_a_phase_ends_in_the_same_bits() -> None:
    asked, of = course(steps=260, look_every=50, rhos=()), lesson(members=plan(modalities())[:2])
    states: list[dict[str, Any]] = []

    class KilledError(Exception):
        pass

    def kill(state: dict[str, Any]) -> None:
        states.append(state)
        raise KilledError

    with pytest.raises(KilledError):
        Training(asked, of).run(keep=kill)
    begun = Training(asked, of)
    assert states[0]["phase"]["step"] == 250
    assert same(begun.run(resume=states[0]), Training(asked, of).run())


def test_targets_of_rows_in_neither_part_are_never_read() -> None:
    spoilt_NC = target()
    spoilt_NC[128:] = torch.nan
    assert same(Training(course(), lesson(target_NC=spoilt_NC)).run(), run())


def test_what_stands_in_the_place_of_a_missing_modality_is_never_heard() -> None:
    x, z = modalities(missing=True)
    spoilt = [
        Modality("z", [type(each)(each.name, spoil(each.values_ND, z)) for each in z.representations], z.present_N)
    ]
    found = Training(course(), lesson(modalities=[x, *spoilt])).run()
    assert torch.equal(found.answers_NC, run(missing=True).answers_NC)


def spoil(values_ND: torch.Tensor, of: Modality) -> torch.Tensor:
    assert of.present_N is not None
    return values_ND.where(of.present_N[:, None], torch.nan)


def test_all_rows_get_an_answer_though_the_best_members_cannot_answer_some() -> None:
    cohort = run(missing=True, steps=60)
    assert cohort.answers_NC.shape == (N, 1)
    assert cohort.answers_NC.isfinite().all()


def test_it_tells_how_far_it_is() -> None:
    reported: list[int] = []
    points: list[dict[str, float]] = []
    Training(course(), lesson()).run(report=reported.append, note=points.append)
    assert sum(reported) == course().all_steps == 36
    assert [(point["step"], point["rho"]) for point in points[2:5]] == [(12, 0.0), (16, 0.99), (20, 0.99)]


def test_everyone_teaches_where_that_is_asked_for() -> None:
    few, all_of_them = run(clusters=4), run(clusters=4, everyone_teaches=True)
    assert torch.equal(few.clusters_M, all_of_them.clusters_M)
    assert not torch.equal(few.by_rho[3.0], all_of_them.by_rho[3.0])


def test_numbers_that_run_away_stop_it() -> None:
    values_ND = modalities()[0].representations[0].values_ND.clone()
    values_ND[:] = 1e38
    spoilt = [Modality("x", [type(modalities()[0].representations[0])("raw", values_ND)])]
    with pytest.raises(TrainingError, match="the loss of a member of the cohort is not finite at step 1"):
        Training(course(), lesson(modalities=spoilt)).run()


def test_they_stop_it_after_the_last_step_too() -> None:
    with pytest.raises(TrainingError, match="the validation loss of a member of the cohort is not finite at step 1"):
        Training(course(steps=1, look_every=1, learning_rate=1e38), lesson()).run()


@pytest.mark.parametrize("rhos", [(0.0, 1.0), (1.0, 1.0)])
def test_rhos_that_are_tried_twice_are_refused(rhos: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="each once, and without 0, which is always tried"):
        Training(course(rhos=rhos), lesson())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_R": torch.arange(0)}, "no train rows"),
        ({"validation_R": torch.arange(95, 128)}, r"rows \[95\] are both learnt from and chosen by"),
        (
            {"train_R": torch.arange(0, 96, 3), "missing": True},
            "no train row has all that the member 'x: raw \\+ z: raw'",
        ),
    ],
)
def test_a_lesson_that_teaches_nothing_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lesson(**changed)


def test_a_cohort_may_be_any_members_of_the_plan() -> None:
    members = plan(modalities())[:3]
    assert list(Training(course(), lesson(members=members)).run().members) == members
