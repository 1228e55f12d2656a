"""The cohort trainer: what its members hear, what its student learns, what it tells, and that a cut changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.networks.head import Head
from tasks.students import cohort_training
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.cohort import CohortSettings
from tasks.students.cohort_representations import modalities_of
from tasks.students.cohorts.cohort import Training
from tasks.students.folder import write_training
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.relabelling import relabelled
from tests.students.relabelling_toys import CLASSES, SPEAKERS, TRUTH_N, N, clips, named_by, target_of

STEPS = {"member_steps": 20, "distil_steps": 20}


class Text:
    """Keeps `Features`: what is said tells the class; some clips have no transcript."""

    n_layers, dim = 1, 4

    def __init__(self, present_N: torch.Tensor) -> None:
        generator = torch.Generator().manual_seed(3)
        values_ND = 0.3 * torch.randn(N, 4, generator=generator) + torch.eye(3, 4)[TRUTH_N]
        self._present_N, self._values_ND = present_N, values_ND.where(present_N[:, None], torch.zeros(()))

    def __len__(self) -> int:
        return N

    def rows(self, rows_B: Any) -> Frames:
        rows = list(rows_B)
        return Frames(self._values_ND[rows][:, None, None], self._present_N[rows].long())


def settings_of(**given: Any) -> CohortSettings:
    return CohortSettings.model_validate(STEPS | {"representations": [], "learning_rate": 0.01} | given)


def data_of(**changed: Any) -> TrainingData:
    return target_of(clips(), speakers=SPEAKERS, **changed)


def train(
    head: Head,
    data: TrainingData,
    resume: Checkpoint | None = None,
    keep: Callable[[Checkpoint], None] = lambda point: None,
    report: Callable[[int], None] = lambda steps: None,
    **given: Any,
) -> Student:
    return settings_of(**given).train(head, data, CLASSES, resume, keep, report)


def test_that_it_hears_it_anyway_is_told_where_it_was_asked_for(head: Head) -> None:
    [sentence, *_] = train(head, data_of(), representations=[{"kind": "logmel"}]).warnings
    assert sentence == "student.representations: the classifier hears logmel already; it counts once"


def test_the_student_learns_what_the_labels_say(head: Head) -> None:
    student = train(head, data_of(), member_steps=40, distil_steps=150)
    with torch.no_grad():
        assert named_by(student.head(Frames.of_means(clips()))) > 0.9


def test_what_the_student_learns_is_the_ensembles_word_not_the_labels(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[torch.Tensor] = []
    monkeypatch.setattr(cohort_training, "check_labels", lambda labels_NC, classes: found.append(labels_NC))
    monkeypatch.setattr(MIFuseSettings, "loop", lambda self, head, data, classes: found.append(data.labels_NC))
    data, asked = data_of(labels_NC=torch.eye(3)[TRUTH_N] * 0.8 + 0.2 / 3), settings_of(labels="fused")
    with pytest.raises(AttributeError):  # a student that is not there cannot learn
        train(head, data, labels="fused")
    cohort = Training(cohort_training.course_of(asked), cohort_training.lesson_for(asked, data, [])).run()
    assert all(torch.equal(labels_NC, cohort.answers_NC.softmax(dim=-1)) for labels_NC in found)
    assert len(found) == 2


def test_it_says_which_labels_it_learnt_from(head: Head) -> None:
    student = train(head, data_of())
    assert student.labels_NC is not None
    assert torch.equal(student.labels_NC, relabelled(head, data_of(), seed=0).labels_NC)


def test_with_fused_labels_it_has_no_others(head: Head) -> None:
    labels_NC = torch.eye(3)[TRUTH_N] * 0.8 + 0.2 / 3
    assert train(head, data_of(labels_NC=labels_NC), labels="fused").labels_NC is None


def test_the_head_it_starts_from_is_left_as_it_is(head: Head) -> None:
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    train(head, data_of())
    assert all(torch.equal(tensor, before[name]) for name, tensor in head.state_dict().items())


def test_there_is_a_row_for_each_member_with_weights_that_sum_to_1(head: Head, tmp_path: Path) -> None:
    student = train(head, data_of())
    write_training(tmp_path, student, [str(n) for n in range(N)], CLASSES, [])
    table = pl.read_parquet(tmp_path / "cohort.parquet")
    assert set(table["member"]) == {"classifier: raw", "classifier: early", "classifier: middle"}
    assert table["weight"].sum() == pytest.approx(1)
    assert table["loss"].is_sorted()


def test_the_curves_of_both_parts_are_kept(head: Head, tmp_path: Path) -> None:
    student = train(head, data_of())
    write_training(tmp_path, student, [str(n) for n in range(N)], CLASSES, [])
    curves = pl.read_parquet(tmp_path / "curves.parquet")
    assert curves.filter(pl.col("step") <= 60)["cohort_validation"].null_count() == 0
    assert curves.filter(pl.col("step") > 60)["agreement"].null_count() == 0


def test_all_steps_of_all_phases_are_reported(head: Head) -> None:
    told: list[int] = []
    train(head, data_of(), report=told.append)
    assert sum(told) == settings_of().steps == 3 * 20 + 20


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(head: Head) -> None:
    one, again, other = (train(head, data_of(), seed=seed).head.to_logits.weight for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_run_that_goes_on_from_disk_ends_in_the_same_bits(tmp_path: Path, head: Head) -> None:
    """Cut after any phase of the cohort, or while the one student learns."""
    kept: list[int] = []

    def keep(point: Checkpoint) -> None:
        write_checkpoint(tmp_path / str(len(kept)), point)
        kept.append(point.step)

    steps = {"member_steps": 12, "distil_steps": 252}
    whole = train(head, data_of(), keep=keep, **steps)
    assert kept == [12, 24, 36, 36 + 250]
    for at, done in enumerate(kept):
        told: list[int] = []
        resumed = train(head, data_of(), read_checkpoint(tmp_path / str(at)), report=told.append, **steps)
        assert sum(told) == 36 + 252 - done
        for name, tensor in whole.head.state_dict().items():
            assert torch.equal(resumed.head.state_dict()[name], tensor), (at, name)
        told_by = [(student.curves, student.cohort, student.warnings) for student in (whole, resumed)]
        assert told_by[0] == told_by[1]


def test_a_representation_that_tells_the_class_gets_the_ensembles_word(head: Head) -> None:
    """The classifier hears noise; what is said names the class."""
    noise = Means(torch.randn(N, 2, 5, generator=torch.Generator().manual_seed(1)))
    labels_NC = torch.eye(3)[TRUTH_N] * 0.9 + 0.1 / 3
    data = data_of(labels_NC=labels_NC, features=noise, others=[Text(torch.ones(N, dtype=torch.bool))])
    settings = {"representations": [{"kind": "text", "model": "/text"}], "labels": "fused", "member_steps": 60}
    student = train(head, data, **settings)
    assert student.cohort is not None
    assert "text" in student.cohort[0]["member"]
    assert all("text" in row["member"] for row in student.cohort if row["weight"] > 0)


def test_clips_without_a_transcript_are_answered_by_those_who_only_hear(head: Head) -> None:
    present_N = torch.arange(N) % 4 > 0
    data = data_of(others=[Text(present_N)])
    modalities = modalities_of(data, torch.arange(0, N, 2), ["text"])
    assert torch.equal(modalities[1].present_N, present_N)
    student = train(head, data, representations=[{"kind": "text", "model": "/text"}], member_steps=40, distil_steps=150)
    with torch.no_grad():
        assert named_by(student.head(Frames.of_means(clips()))) > 0.9


def test_a_representation_that_no_clip_has_is_refused(head: Head) -> None:
    data = data_of(others=[Text(torch.zeros(N, dtype=torch.bool))])
    with pytest.raises(
        TrainingError, match=r"0 of 160 clips to learn from have what text is made of\. Expected a tenth .*Take it out"
    ):
        train(head, data, representations=[{"kind": "text", "model": "/text"}])


def test_features_that_are_not_finite_are_refused_by_the_clips_name(head: Head) -> None:
    means_NLD = clips()
    means_NLD[7, 0, 0] = torch.nan
    data = data_of(features=Means(means_NLD), names=[f"clip_{n}.wav" for n in range(N)])
    with pytest.raises(TrainingError, match=r"clip_7\.wav: its features are not finite"):
        train(head, replace(data, labels_NC=torch.eye(3)[TRUTH_N] * 0.9 + 0.1 / 3), labels="fused")
