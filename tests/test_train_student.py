"""The stage: `pseudo_labels.parquet` → `student/`."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tasks.contracts.errors import CheckpointError, DrawsError, TrainingError
from tasks.encoders.base import Frames
from tasks.fusion.single import SingleRule
from tasks.maths.threads import one_thread
from tasks.networks.folder import load_classifier
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.mi_fuse import MIFuseSettings
from tasks.teachers.mc_dropout import MCDropoutSettings

SmallRun = Any  # of conftest.py, which no test can import
SHORT = MIFuseSettings(recipe="paper", steps=30, batch_size=8, learning_rate=0.01)  # as `SmallRun.train` has it


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_student_is_a_folder_of_json_safetensors_and_curves(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path)
    assert contents(tmp_path / "student").keys() == {
        *("config.json", "model.safetensors", "curves.parquet", "named.parquet", "warnings.json")
    }
    student, config = load_classifier(tmp_path / "student")
    classifier, classifiers_config = load_classifier(small_run.teacher.path)
    assert config == classifiers_config
    assert not torch.equal(student.to_hidden.weight, classifier.to_hidden.weight)


def test_it_counts_and_its_curves_end_with_the_loss_that_it_tells(small_run: SmallRun, tmp_path: Path) -> None:
    told = small_run.train(tmp_path)
    curves = pl.read_parquet(tmp_path / "student" / "curves.parquet")
    assert curves["step"].to_list() == [1, 25, 30]
    warnings = json.loads((tmp_path / "student" / "warnings.json").read_text())
    assert told == {"clips": 16, "steps": 30, "loss": round(curves["loss"][-1], 4), "warnings": len(warnings)}


def test_curves_are_written_as_they_come_and_the_user_is_told_where(
    small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_run.train(tmp_path)
    assert f"curves, as they come: {tmp_path / 'work' / 'curves.jsonl'}" in capsys.readouterr().err
    written = pl.read_ndjson(tmp_path / "work" / "curves.jsonl").to_dicts()
    assert written == pl.read_parquet(tmp_path / "student" / "curves.parquet").to_dicts()


def test_warnings_are_told_and_kept(small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Here of too few clips before the training, and of a training that changes nothing after it."""
    slow = SHORT.model_copy(update={"batch_size": 32, "learning_rate": 1e-9})
    small_run.train(tmp_path, student=slow)
    kept = json.loads((tmp_path / "student" / "warnings.json").read_text())
    for sign in ("16 clips are fewer than student.batch_size (32)", "stagnation: after 30 steps"):
        assert any(each.startswith(sign) for each in kept)
    told = capsys.readouterr().err
    assert [f"  warning: {each}" in told for each in kept] == [True] * len(kept)


def test_the_classifier_is_left_as_it_is(small_run: SmallRun, tmp_path: Path) -> None:
    before = contents(small_run.teacher.path)
    small_run.train(tmp_path)
    assert contents(small_run.teacher.path) == before


@pytest.mark.parametrize("refresh", ["never", "epoch", "step"])
def test_gold_labels_never_influence_the_student(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path, refresh: str
) -> None:
    def permute(folder: Path) -> None:
        manifest = pl.read_csv(folder / "manifest.csv")
        manifest.with_columns(pl.col("label").shuffle(seed=1)).write_csv(folder / "manifest.csv")

    permuted = make_small_run(tmp_path / "permuted", edit=permute)
    assert (pl.read_parquet(permuted.clips)["gold_label"] != pl.read_parquet(small_run.clips)["gold_label"]).any()
    student = SHORT.model_copy(update={"teacher_refresh": refresh})
    small_run.train(tmp_path / "a", student=student)
    permuted.train(tmp_path / "b", student=student)
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


def test_names_of_clips_and_files_do_not_matter(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    def rename(folder: Path) -> None:
        manifest = (folder / "manifest.csv").read_text()
        (folder / "audio").rename(folder / "zz")
        (folder / "manifest.csv").write_text(manifest.replace("audio/", "zz/").replace("\nangry", "\nzebra"))

    small_run.train(tmp_path / "a")
    make_small_run(tmp_path / "renamed", edit=rename).train(tmp_path / "b")
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


def test_the_same_settings_give_the_same_bytes_and_another_seed_others(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path / "a")
    small_run.train(tmp_path / "b")
    small_run.train(tmp_path / "c", student=SHORT.model_copy(update={"seed": 1}))
    first, again, other = (contents(tmp_path / name / "student") for name in "abc")
    assert first == again
    assert first["model.safetensors"] != other["model.safetensors"]


@pytest.mark.parametrize("refresh", ["never", "step"])
def test_a_classifier_with_its_classes_in_another_order_teaches_the_same(
    small_run: SmallRun, reordered_classifier: Path, tmp_path: Path, refresh: str
) -> None:
    student = SHORT.model_copy(update={"teacher_refresh": refresh})
    small_run.train(tmp_path / "a", student=student)
    small_run.train(tmp_path / "b", student=student, classifier=MCDropoutSettings(path=reordered_classifier))
    (first, classes), (other, turned) = (
        (head, config.classes) for head, config in (load_classifier(tmp_path / x / "student") for x in "ab")
    )
    heard = Frames.of_means(10 * torch.randn(5, 1, first.to_hidden.in_features))
    with torch.no_grad():
        expected_NC, found_NC = first(heard).softmax(dim=-1), other(heard).softmax(dim=-1)
    assert turned != classes
    torch.testing.assert_close(found_NC[:, [turned.index(name) for name in classes]], expected_NC, atol=1e-3, rtol=0)


CHILD = """
import os, signal, sys
from pathlib import Path
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.students.mi_fuse import MIFuseSettings
from tasks.teachers.mc_dropout import MCDropoutSettings
from tasks.train_student import train_student

class KilledAtItsCheckpoint(MIFuseSettings):
    def train(self, start, data, classes, resume, keep, report, note):
        def keep_and_die(point):
            keep(point)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().train(start, data, classes, resume, keep_and_die, report, note)

run, classifier, to = map(Path, sys.argv[1:])
draws = {name: run / "draws" / f"{name}.parquet" for name in ("lalm", "classifier")}
student = KilledAtItsCheckpoint(recipe="paper", steps=270, batch_size=5)
teacher = MCDropoutSettings(path=classifier)
train_student.fn(student, MutualInformationRule(), teacher, "classifier", run / "pseudo_labels.parquet",
                 run / "audio", draws, run / "features", to / "work", to / "student")
"""


class Noting(MIFuseSettings):
    """Notes where training goes on from."""

    _from: list[int] = []  # noqa: RUF012

    def train(self, start: Any, data: TrainingData, classes: Any, resume: Checkpoint | None, **rest: Any) -> Student:
        self._from.append(resume.step if resume else 0)
        return super().train(start, data, classes, resume, **rest)


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_checkpoint_and_ends_in_the_same_bytes(
    small_run: SmallRun, tmp_path: Path
) -> None:
    arguments = [str(path) for path in (small_run.root, small_run.teacher.path, tmp_path / "killed")]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "student").exists()
    student = Noting(recipe="paper", steps=270, batch_size=5)
    small_run.train(tmp_path / "killed", student=student)
    small_run.train(tmp_path / "whole", student=student)
    assert student._from == [250, 0]
    assert contents(tmp_path / "killed" / "student") == contents(tmp_path / "whole" / "student")


def test_stored_features_are_enough(small_run: SmallRun, tmp_path: Path) -> None:
    assert small_run.train(tmp_path, folder=tmp_path / "gone")["clips"] == 16


def test_without_refresh_no_draws_are_read(small_run: SmallRun, tmp_path: Path) -> None:
    student = SHORT.model_copy(update={"teacher_refresh": "never"})
    small_run.train(tmp_path / "a", student=student)
    small_run.train(tmp_path / "b", student=student, draws={})
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


def test_the_same_recording_under_two_names_is_one_clip_to_learn_from(
    make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    def repeat(folder: Path) -> None:
        shutil.copy(folder / "audio" / "sad-0.wav", folder / "audio" / "again.wav")
        with (folder / "manifest.csv").open("a") as manifest:
            manifest.write("again,audio/again.wav,sad,nobody\n")

    run = make_small_run(tmp_path / "run", edit=repeat)
    assert pl.read_parquet(run.pseudo_labels).height == 17
    assert run.train(tmp_path)["clips"] == 16


def clip_ids(run: SmallRun) -> list[str]:
    return pl.read_parquet(run.clips)["clip_id"].to_list()


def test_clips_without_a_pseudo_label_are_left_out(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    rule = SingleRule(teacher="lalm")
    run = make_small_run(tmp_path / "run", rule=rule, refused=clip_ids(small_run)[:3])
    assert run.train(tmp_path)["clips"] == 13


def test_one_clip_with_a_pseudo_label_is_not_enough(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    rule = SingleRule(teacher="lalm")
    run = make_small_run(tmp_path / "run", rule=rule, refused=clip_ids(small_run)[1:])
    with pytest.raises(TrainingError, match="1 clips have a pseudo-label; training needs at least 2"):
        run.train(tmp_path)
    assert not (tmp_path / "student").exists()


def test_draws_that_lack_a_clip_are_told_with_what_to_do(small_run: SmallRun, tmp_path: Path) -> None:
    some = pl.read_parquet(small_run.draws["lalm"]).filter(pl.col("clip_id") != clip_ids(small_run)[0])
    some.write_parquet(tmp_path / "lalm.parquet")
    with pytest.raises(DrawsError, match=r"lalm\.parquet: 1 of 16 clips have no draws\. `mifuse run`"):
        small_run.train(tmp_path, draws=small_run.draws | {"lalm": tmp_path / "lalm.parquet"})


def test_without_a_classifier_it_is_refused(small_run: SmallRun, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no classifier there"):
        small_run.train(tmp_path, classifier=MCDropoutSettings(path=tmp_path))
