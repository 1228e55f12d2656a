"""The stage where teachers lack a class: the student's head opens, the others' word stands in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks.fusion.base import Draws
from tasks.fusion.completing import completed, lacking
from tasks.maths.threads import one_thread
from tasks.networks.config import read_config
from tasks.networks.folder import load_classifier
from tasks.networks.predict import predict_files
from tasks.students.dine import DINESettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.training_data import Inputs, Start, training_data
from tasks.students.warm_start import misfit
from tasks.teachers.mc_dropout import MCDropoutSettings, mapped_config

SmallRun = Any  # of conftest.py, which no test can import
PAPER = MIFuseSettings(recipe="paper", steps=30, batch_size=8, learning_rate=0.01)
LACKS = {"lalm": ["sad"], "classifier": ["happy"]}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def narrow(run: SmallRun) -> MCDropoutSettings:
    """The classifier as if it had never met happy: what it says of it is left out."""
    return MCDropoutSettings(path=run.teacher.path, labels={"happy": None}, lacks=["happy"])


def data_of(run: SmallRun, student: Any) -> tuple[Any, dict[str, Draws]]:
    """What the trainer is given, and the draws as the tables have them."""
    from tasks.storage.draws import read_draws

    start = Start(run.teacher, "classifier", read_config(run.teacher.path))
    of = Inputs(run.pseudo_labels, run.folder, run.draws, run.features, None, run.clips, LACKS)
    data, sha256s = training_data(student, run.rule, start, of)
    return data, {name: Draws(*read_draws(path, sha256s, start.config.classes)) for name, path in run.draws.items()}


def test_the_student_names_the_class_after_those_of_its_classifier(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path, classifier=narrow(small_run), lacks={"classifier": ["happy"]})
    student, config = load_classifier(tmp_path / "student")
    assert config.classes == ["angry", "neutral", "sad", "happy"]
    assert student.to_logits.out_features == 5  # the output that is left out stays as it is, the class has one more


def test_its_predictions_are_of_all_classes(small_run: SmallRun, tmp_path: Path) -> None:
    from tasks.mc_dropout import files_of
    from tasks.storage.clips import read_usable_clips

    small_run.train(tmp_path, classifier=narrow(small_run), lacks={"classifier": ["happy"]})
    files = files_of(read_usable_clips(small_run.clips), small_run.folder)
    probs_NC, classes = predict_files(tmp_path / "student", files, small_run.features)
    assert probs_NC[:, classes.index("happy")].min() > 0
    np.testing.assert_allclose(probs_NC.sum(axis=1), 1, atol=1e-6)


def test_where_the_fusion_is_repeated_the_draws_that_stay_are_completed(small_run: SmallRun) -> None:
    data, tables = data_of(small_run, PAPER)
    lacks_TC = lacking(LACKS, list(tables), read_config(small_run.teacher.path).classes)
    expected = completed(list(tables.values()), lacks_TC)[0]
    np.testing.assert_allclose(data.draws[0].probs_NKC, expected.probs_NKC, atol=1e-6)
    assert data.draws[1] is None


def test_where_labels_are_made_anew_it_is_told_what_each_lacks(small_run: SmallRun) -> None:
    """The classifier, which is heard anew then, is the last."""
    data, tables = data_of(small_run, MIFuseSettings(recipe="best", steps=30))
    np.testing.assert_allclose(data.draws[0].probs_NKC, tables["lalm"].probs_NKC, atol=1e-6)
    assert data.lacks_TC.tolist() == [[False, False, False, True], [False, True, False, False]]


def test_a_trainer_that_does_not_ask_the_classifier_does_not_hear_it(small_run: SmallRun) -> None:
    data, tables = data_of(small_run, DINESettings())
    probs_NKC = tables["lalm"].probs_NKC.copy()
    probs_NKC[..., 3] = 0
    expected = probs_NKC / probs_NKC.sum(axis=-1, keepdims=True)
    valid = tables["lalm"].valid_NK
    np.testing.assert_allclose(data.draws[0].probs_NKC[torch.from_numpy(valid)], expected[valid], atol=1e-6)


def test_a_student_with_other_shares_is_not_gone_on_from(small_run: SmallRun) -> None:
    one, other = (
        mapped_config(small_run.teacher.model_copy(update={"labels": {"happy": {"angry": weight, "sad": 1}}}))
        for weight in (1, 2)
    )
    assert misfit(one, other) == "the last student has another sharing out of its outputs"


def test_the_moving_teacher_knows_the_class(small_run: SmallRun) -> None:
    """Fresh draws of the classifier give the open place a share, so a label fused anew can hold it."""
    from tasks.networks.opening import opened_head

    head, _ = load_classifier(small_run.teacher.path, {"happy": None})
    data, _ = data_of(small_run, PAPER)
    loop = PAPER.loop(opened_head(head, ["happy"]), data, ["angry", "neutral", "sad", "happy"])
    loop.advance()
    teacher_BC = loop._objective.teacher_BC()
    assert teacher_BC is not None
    assert (teacher_BC[:, 3] > 0.01).all()
