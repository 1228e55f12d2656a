"""The command on two small synthetic corpora, from audio to the table."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.transfers.__main__ import main
from bench.transfers.planning import Data
from tasks.synthesis.corpus import make_corpus

Run = Callable[..., str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transfers")


@pytest.fixture(scope="module")
def run(root: Path, small_classifier: Path) -> Run:
    """Classifiers lie where `mifuse train-source` would leave them."""
    for domain in ("source", "target"):
        make_corpus(root / "data" / domain, domain, clips_per_class=4)
        shutil.copytree(small_classifier, root / "cache" / "classifiers" / f"source-{domain}-logmel-0")

    def invoke(*arguments: str) -> str:
        places = {"--data": root / "data", "--cache": root / "cache", "--raw": root / "raw.jsonl"}
        given = [str(part) for place in places.items() for part in place]
        result = CliRunner().invoke(main, [*given, "--seeds", "1", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return invoke


@pytest.mark.slow
def test_both_directions_are_in_the_table(run: Run) -> None:
    told = run("--methods", "source,LALM")
    assert "source → target | target → source" in told


@pytest.mark.slow
def test_tables_of_raw_results_are_those_of_the_run(run: Run, tmp_path: Path) -> None:
    run("--methods", "source,LALM", "--markdown", str(tmp_path / "run.md"), "--raw", str(tmp_path / "raw.jsonl"))
    run("--from", str(tmp_path / "raw.jsonl"), "--markdown", str(tmp_path / "again.md"))
    assert (tmp_path / "run.md").read_text() == (tmp_path / "again.md").read_text()


@pytest.mark.slow
def test_what_is_done_is_not_computed_again(run: Run, root: Path) -> None:
    run("--methods", "source,LALM")
    kept = root / "cache" / "transfers" / "results"
    before = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    run("--methods", "source,LALM,fused: equal")
    after = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    assert {file: after[file] for file in before} == before
    assert len(after) == len(before) + 2


def test_the_full_matrix_has_its_own_scenes() -> None:
    result = CliRunner().invoke(main, ["--full", "--skewed"])
    assert result.exit_code == 2
    assert "--full has its own scenes and methods: take --skewed away" in result.output


def test_a_dial_that_does_not_exist_is_refused() -> None:
    result = CliRunner().invoke(main, ["--lalm", "third", "--dial", "volume=1"])
    assert result.exit_code == 2
    assert '--dial: no dial "volume". Known: strength' in result.output


def test_a_pair_of_other_corpora_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.csv").write_text("path,label\n")
    result = CliRunner().invoke(main, ["--data", str(tmp_path), "--cache", str(tmp_path), "--pair", "a:c"])
    assert result.exit_code == 2
    assert "--pair: expected two of a, b as A:B, got a:c" in result.output


def test_pairs_are_split_at_the_colon(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.csv").write_text("path,label\n")
    assert Data.of(tmp_path, ["b:a"], tmp_path).pairs == [("b", "a")]
