"""The stage: student, teachers and fused labels over the same clips → predictions, metrics, report."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.contracts.tables import p_columns, predictions_schema
from tasks.encoders.features import AudioFile
from tasks.evaluate_student import Evaluated, evaluate_student
from tasks.maths.threads import one_thread
from tasks.networks.predict import predict_files
from tasks.storage.tables import read_table

SmallRun = Any  # of conftest.py, which no test can import
REFUSED = ["angry-0", "happy-1"]
ONCE = ["sad-2"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def trained(make_small_run: Callable[..., SmallRun], tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """The LALM refused two of the sixteen clips, and answered a third one only once."""
    return make_small_run(tmp_path_factory.mktemp("evaluated"), refused=REFUSED, once=ONCE).trained()


CLASSES = ["angry", "happy", "neutral", "sad"]


@dataclass(frozen=True)
class Written:
    """What the stage returned and wrote."""

    told: dict[str, Any]
    folder: Path

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.folder / "metrics.json").read_text())

    @property
    def predictions(self) -> pl.DataFrame:
        return read_table(self.folder / "predictions.parquet", predictions_schema(CLASSES))


def evaluate(of: Evaluated, out: Path) -> Written:
    return Written(evaluate_student.fn("small", CLASSES, ["lalm", "classifier"], "classifier", of, out), out)


@pytest.fixture(scope="module")
def written(trained: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return evaluate(trained, tmp_path_factory.mktemp("written"))


def gold_of(of: Evaluated) -> dict[str, str]:
    return dict(pl.read_parquet(of.clips, columns=["clip_id", "gold_label"]).iter_rows())


def ua_by_hand(gold: dict[str, str], named: dict[str, str | None]) -> float:
    recalls = []
    for label in sorted(set(gold.values())):
        clips = [clip_id for clip_id in gold if gold[clip_id] == label]
        recalls.append(sum(named[clip_id] == label for clip_id in clips) / len(clips))
    return sum(recalls) / len(recalls)


def test_it_writes_three_files_and_counts(written: Written) -> None:
    assert {file.name for file in written.folder.iterdir()} == {"metrics.json", "predictions.parquet", "report.html"}
    assert written.told == {"clips": 16, "with_gold": 16, "gold_of_other_classes": 0}


def test_all_systems_are_scored_over_the_same_clips(written: Written) -> None:
    assert written.metrics.keys() == {"source", "lalm", "fused", "student", "oracle"}
    for scores in written.metrics.values():
        assert scores["n"] == 16
        for name in ("ua", "wa", "macro_f1", "ece", "coverage"):
            assert 0 <= scores[name] <= 1


def test_a_source_row_with_the_targets_statistics_says_so(trained: Evaluated, written: Written, tmp_path: Path) -> None:
    marked = evaluate(replace(trained, standardise="target"), tmp_path)
    assert marked.metrics["source"] == written.metrics["source"] | {"standardise": "target"}
    assert "source classifier (target statistics)" in (tmp_path / "report.html").read_text()
    assert "target statistics" not in (written.folder / "report.html").read_text()


def test_the_students_scores_are_those_of_its_predictions(trained: Evaluated, written: Written) -> None:
    labels = written.predictions.select("clip_id", pl.col("label").cast(pl.String))
    gold, named, scores = gold_of(trained), dict(labels.iter_rows()), written.metrics["student"]
    assert scores["ua"] == pytest.approx(ua_by_hand(gold, named))
    assert scores["wa"] == pytest.approx(np.mean([named[clip_id] == gold[clip_id] for clip_id in gold]))


@pytest.mark.parametrize(
    ("row", "column"), [("lalm", "lalm_label"), ("source", "classifier_label"), ("fused", "label")]
)
def test_a_teachers_scores_are_those_of_its_labels(trained: Evaluated, written: Written, row: str, column: str) -> None:
    labels = pl.read_parquet(trained.pseudo_labels).select("clip_id", pl.col(column).cast(pl.String))
    assert written.metrics[row]["ua"] == pytest.approx(ua_by_hand(gold_of(trained), dict(labels.iter_rows())))


def test_clips_without_an_answer_count_as_wrong_for_the_lalm(written: Written) -> None:
    """Two of sixteen; the clip with one answer of five has an answer, though its MI is unknown."""
    lalm = written.metrics["lalm"]
    assert lalm["coverage"] == 14 / 16
    unanswered = {label: row[-1] for label, row in zip(CLASSES, lalm["confusion"], strict=True)}
    assert unanswered == {"angry": 1, "happy": 1, "neutral": 0, "sad": 0}
    assert lalm["recall"]["angry"] <= 3 / 4


def test_the_others_answer_for_every_clip(trained: Evaluated, written: Written) -> None:
    assert [written.metrics[name]["coverage"] for name in ("source", "fused", "student")] == [1, 1, 1]
    assert written.predictions["clip_id"].to_list() == sorted(gold_of(trained))


def test_predictions_are_the_students_answers_without_dropout(trained: Evaluated, written: Written) -> None:
    rows = pl.read_parquet(trained.clips).select("sha256", "path").iter_rows()
    files = [AudioFile(sha256, trained.folder / path, 1.0) for sha256, path in rows]
    probs_NC, _ = predict_files(trained.student, files, trained.features)
    found = written.predictions
    np.testing.assert_allclose(found.select(p_columns(CLASSES)), probs_NC, atol=1e-6)
    assert found["label"].cast(pl.String).to_list() == [CLASSES[i] for i in probs_NC.argmax(axis=1)]
    np.testing.assert_array_equal(found["confidence"], found.select(pl.max_horizontal(p_columns(CLASSES))).to_series())


def test_a_student_with_its_classes_in_another_order_predicts_the_same(
    small_run: SmallRun, reordered_classifier: Path, trained: Evaluated, tmp_path: Path
) -> None:
    """The classifiers themselves stand for students here."""
    found = []
    for classifier in (small_run.teacher.path, reordered_classifier):
        student = Path(shutil.copytree(classifier, tmp_path / classifier.name))
        for name in ("curves.parquet", "warnings.json"):
            shutil.copy(trained.student / name, student)
        found.append(evaluate(replace(trained, student=student), tmp_path / f"{classifier.name}-evaluated"))
    plain, turned = (written.predictions.select(p_columns(CLASSES)) for written in found)
    np.testing.assert_allclose(turned, plain, atol=1e-6)
    assert found[0].metrics["student"]["confusion"] == found[1].metrics["student"]["confusion"]


def test_the_same_run_gives_the_same_bytes(trained: Evaluated, written: Written, tmp_path: Path) -> None:
    again = evaluate(trained, tmp_path)
    for file in ("predictions.parquet", "metrics.json"):
        assert (again.folder / file).read_bytes() == (written.folder / file).read_bytes()


def test_the_report_shows_ua_while_the_student_learnt_where_there_is_gold(written: Written) -> None:
    assert "UA, for reading only" in (written.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_stands_alone_and_names_the_pipeline(written: Written) -> None:
    report = (written.folder / "report.html").read_text(encoding="utf-8")
    assert "small" in report
    assert "<link" not in report
    assert 'src="http' not in report
