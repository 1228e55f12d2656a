"""The stage: student, teachers and fused labels over the same clips → predictions, metrics, report."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
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


def train(run: SmallRun) -> Evaluated:
    """The run with a student, and where everything lies."""
    run.train(run.root)
    paths = (run.clips, run.pseudo_labels, run.root / "student", run.folder, run.features)
    return Evaluated(*paths, run.draws, gold=None, settings={"fuse": {"kind": "mutual_information"}}, costs={})


@pytest.fixture(scope="module")
def trained(make_small_run: Callable[..., SmallRun], tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """The LALM refused two of the sixteen clips, and answered a third one only once."""
    return train(make_small_run(tmp_path_factory.mktemp("evaluated"), refused=REFUSED, once=ONCE))


CLASSES = ["angry", "happy", "neutral", "sad"]


def evaluate(of: Evaluated, out: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """What is in `metrics.json` and `predictions.parquet`."""
    evaluate_student.fn("small", CLASSES, ["lalm", "classifier"], "classifier", of, out)
    predictions = read_table(out / "predictions.parquet", predictions_schema(CLASSES))
    return json.loads((out / "metrics.json").read_text()), predictions


def gold_of(of: Evaluated) -> dict[str, str]:
    return dict(pl.read_parquet(of.clips, columns=["clip_id", "gold_label"]).iter_rows())


def ua_by_hand(gold: dict[str, str], named: dict[str, str | None]) -> float:
    recalls = []
    for label in sorted(set(gold.values())):
        clips = [clip_id for clip_id in gold if gold[clip_id] == label]
        recalls.append(sum(named[clip_id] == label for clip_id in clips) / len(clips))
    return sum(recalls) / len(recalls)


def test_it_writes_three_files_and_counts(trained: Evaluated, tmp_path: Path) -> None:
    told = evaluate_student.fn("small", CLASSES, ["lalm", "classifier"], "classifier", trained, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["metrics.json", "predictions.parquet", "report.html"]
    assert told == {"clips": 16, "with_gold": 16, "gold_of_other_classes": 0}


def test_all_systems_are_scored_over_the_same_clips(trained: Evaluated, tmp_path: Path) -> None:
    metrics, _ = evaluate(trained, tmp_path)
    assert metrics.keys() == {"source", "lalm", "fused", "student", "oracle"}
    for scores in metrics.values():
        assert scores["n"] == 16
        for name in ("ua", "wa", "macro_f1", "ece", "coverage"):
            assert 0 <= scores[name] <= 1


def test_the_students_scores_are_those_of_its_predictions(trained: Evaluated, tmp_path: Path) -> None:
    metrics, predictions = evaluate(trained, tmp_path)
    gold, named = gold_of(trained), dict(predictions.select("clip_id", pl.col("label").cast(pl.String)).iter_rows())
    assert metrics["student"]["ua"] == pytest.approx(ua_by_hand(gold, named))
    assert metrics["student"]["wa"] == pytest.approx(np.mean([named[clip_id] == gold[clip_id] for clip_id in gold]))


@pytest.mark.parametrize(
    ("row", "column"), [("lalm", "lalm_label"), ("source", "classifier_label"), ("fused", "label")]
)
def test_a_teachers_scores_are_those_of_its_labels(trained: Evaluated, tmp_path: Path, row: str, column: str) -> None:
    metrics, _ = evaluate(trained, tmp_path)
    labels = pl.read_parquet(trained.pseudo_labels).select("clip_id", pl.col(column).cast(pl.String))
    assert metrics[row]["ua"] == pytest.approx(ua_by_hand(gold_of(trained), dict(labels.iter_rows())))


def test_clips_without_an_answer_count_as_wrong_for_the_lalm(trained: Evaluated, tmp_path: Path) -> None:
    """Two of sixteen; the clip with one answer of five has an answer, though its MI is unknown."""
    lalm = evaluate(trained, tmp_path)[0]["lalm"]
    assert lalm["coverage"] == 14 / 16
    unanswered = {label: row[-1] for label, row in zip(CLASSES, lalm["confusion"], strict=True)}
    assert unanswered == {"angry": 1, "happy": 1, "neutral": 0, "sad": 0}
    assert lalm["recall"]["angry"] <= 3 / 4


def test_the_others_answer_for_every_clip(trained: Evaluated, tmp_path: Path) -> None:
    metrics, predictions = evaluate(trained, tmp_path)
    assert [metrics[name]["coverage"] for name in ("source", "fused", "student")] == [1, 1, 1]
    assert predictions["clip_id"].to_list() == sorted(gold_of(trained))


def test_predictions_are_the_students_answers_without_dropout(trained: Evaluated, tmp_path: Path) -> None:
    _, predictions = evaluate(trained, tmp_path)
    rows = pl.read_parquet(trained.clips).select("sha256", "path").iter_rows()
    files = [AudioFile(sha256, trained.folder / path, 1.0) for sha256, path in rows]
    probs_NC, _ = predict_files(trained.student, files, trained.features)
    np.testing.assert_allclose(predictions.select(p_columns(CLASSES)), probs_NC, atol=1e-6)
    assert predictions["label"].cast(pl.String).to_list() == [CLASSES[i] for i in probs_NC.argmax(axis=1)]
    np.testing.assert_array_equal(predictions["confidence"], predictions.select(p_columns(CLASSES)).max_horizontal())


def test_a_student_with_its_classes_in_another_order_predicts_the_same(
    small_run: SmallRun, reordered_classifier: Path, trained: Evaluated, tmp_path: Path
) -> None:
    """The classifiers themselves stand for students here."""
    found = []
    for classifier in (small_run.teacher.path, reordered_classifier):
        student = Path(shutil.copytree(classifier, tmp_path / classifier.name))
        shutil.copy(trained.student / "curves.parquet", student)
        found.append(evaluate(replace(trained, student=student), tmp_path / f"{classifier.name}-evaluated"))
    (metrics, predictions), (turned_metrics, turned) = found
    np.testing.assert_allclose(turned.select(p_columns(CLASSES)), predictions.select(p_columns(CLASSES)), atol=1e-6)
    assert turned_metrics["student"]["confusion"] == metrics["student"]["confusion"]


def test_the_same_run_gives_the_same_bytes(trained: Evaluated, tmp_path: Path) -> None:
    for name in ("a", "b"):
        evaluate(trained, tmp_path / name)
    for file in ("predictions.parquet", "metrics.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_report_stands_alone_and_names_the_pipeline(trained: Evaluated, tmp_path: Path) -> None:
    evaluate(trained, tmp_path)
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "small" in report
    assert "<link" not in report
    assert 'src="http' not in report
