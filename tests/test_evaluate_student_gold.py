"""Where the gold labels of an evaluation come from, and what happens without them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.errors import ClipsError
from tasks.evaluate_student import Evaluated, evaluate_student
from tasks.maths.threads import one_thread

SmallRun = Any  # of conftest.py, which no test can import
CLASSES = ["angry", "happy", "neutral", "sad"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def trained(make_small_run: Callable[..., SmallRun], tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    return make_small_run(tmp_path_factory.mktemp("evaluated")).trained()


def relabelled(make_small_run: Callable[..., SmallRun], root: Path, label: pl.Expr) -> Evaluated:
    """The same run with other labels in its manifest."""

    def edit(folder: Path) -> None:
        manifest = pl.read_csv(folder / "manifest.csv")
        manifest.with_columns(label=label).write_csv(folder / "manifest.csv")

    return make_small_run(root, edit=edit).trained()


def evaluate(of: Evaluated, out: Path) -> dict[str, Any]:
    evaluate_student.fn("small", CLASSES, ["lalm", "classifier"], "classifier", of, out)
    return json.loads((out / "metrics.json").read_text())


def write_gold(path: Path, of: Evaluated, clips: int = 16, label: str = "sad") -> Path:
    """A table that says the same of the first clips."""
    rows = pl.read_parquet(of.clips).head(clips).select("clip_id", label=pl.lit(label))
    rows.write_ndjson(path) if path.suffix == ".jsonl" else rows.write_csv(path)
    return path


def test_gold_labels_change_the_metrics_and_nothing_else(
    trained: Evaluated, make_small_run: Callable[..., SmallRun], tmp_path: Path
) -> None:
    permuted = relabelled(make_small_run, tmp_path / "run", pl.col("label").shuffle(seed=1))
    assert evaluate(trained, tmp_path / "a") != evaluate(permuted, tmp_path / "b")
    predictions = [(tmp_path / name / "predictions.parquet").read_bytes() for name in "ab"]
    assert predictions[0] == predictions[1]


def test_without_gold_there_is_a_summary(make_small_run: Callable[..., SmallRun], tmp_path: Path) -> None:
    bare = relabelled(make_small_run, tmp_path / "run", pl.lit(None, pl.String))
    metrics = evaluate(bare, tmp_path / "out")
    assert metrics.keys() == {"summary"}
    assert metrics["summary"]["n"] == 16
    assert metrics["summary"]["systems"].keys() == {"lalm", "classifier", "fused", "student"}
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000


def test_a_label_that_is_no_class_is_left_out(make_small_run: Callable[..., SmallRun], tmp_path: Path) -> None:
    is_first = pl.col("clip_id") == "angry-0"
    mixed = relabelled(make_small_run, tmp_path / "run", pl.when(is_first).then(pl.lit("fear")).otherwise("label"))
    metrics = evaluate(mixed, tmp_path / "out")
    assert {name: scores["n"] for name, scores in metrics.items()} == dict.fromkeys(metrics, 15)
    assert pl.read_parquet(tmp_path / "out" / "predictions.parquet").height == 16


def test_a_clip_that_is_quarantined_is_not_scored(make_small_run: Callable[..., SmallRun], tmp_path: Path) -> None:
    def spoil(folder: Path) -> None:
        (folder / "audio" / "angry-0.wav").write_bytes(b"not audio")

    spoilt = make_small_run(tmp_path / "run", edit=spoil).trained()
    assert evaluate(spoilt, tmp_path / "out")["student"]["n"] == 15


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_gold_table_overrides_the_manifest(trained: Evaluated, tmp_path: Path, ending: str) -> None:
    gold = write_gold(tmp_path / f"gold{ending}", trained)
    metrics = evaluate(replace(trained, gold=gold), tmp_path / "out")
    assert metrics["student"]["recall"].keys() == {"sad"}
    assert metrics["student"]["n"] == 16


def test_only_clips_that_the_gold_table_names_are_scored(trained: Evaluated, tmp_path: Path) -> None:
    gold = write_gold(tmp_path / "gold.csv", trained, clips=5)
    gold.write_text(gold.read_text() + "elsewhere,angry\n")
    assert evaluate(replace(trained, gold=gold), tmp_path / "out")["student"]["n"] == 5


def test_a_gold_table_that_names_none_of_the_clips_is_refused(trained: Evaluated, tmp_path: Path) -> None:
    """Else a slip in the ids would pass for a corpus without gold."""
    (tmp_path / "gold.csv").write_text("clip_id,label\nangry-0.wav,angry\n")
    with pytest.raises(ClipsError, match=r"gold\.csv: .*clip_id"):
        evaluate(replace(trained, gold=tmp_path / "gold.csv"), tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gold.csv", "clip_id,emotion\na,sad\n", r"need the columns clip_id and label; missing: \['label'\]"),
        ("gold.csv", "key,emo\na,sad\n", r"missing: \['clip_id', 'label'\]"),
        ("gold.csv", "clip_id,label\na,sad\na,angry\n", "some clip_id occurs more than once"),
        ("gold.xlsx", "clip_id,label\na,sad\n", r'unknown ending "\.xlsx"'),
        ("gold.parquet", "clip_id,label\na,sad\n", "cannot be read"),
    ],
    ids=["no label", "neither", "twice", "ending", "content"],
)
def test_a_gold_table_that_cannot_be_used_is_refused(
    trained: Evaluated, tmp_path: Path, name: str, content: str, told: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ClipsError, match=f"{name}: .*{told}"):
        evaluate(replace(trained, gold=tmp_path / name), tmp_path / "out")


def test_a_gold_table_that_is_not_there_is_named(trained: Evaluated, tmp_path: Path) -> None:
    with pytest.raises(ClipsError, match=r"gold\.csv: no such file"):
        evaluate(replace(trained, gold=tmp_path / "gold.csv"), tmp_path / "out")
