"""What a kept result depends on, and what not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.transfers.cell import Cell, Scene
from bench.transfers.code_version import code_version
from bench.transfers.corpora import CLASSES
from bench.transfers.kept import Result, place_of, read_all, write_all
from bench.transfers.lalm import Lalm
from bench.transfers.methods import METHODS, chosen
from bench.transfers.sources import classifier_folder

BY_NAME = {method.name: method for method in METHODS}


@pytest.fixture
def cell(write_corpus: Callable[..., Path], tmp_path: Path) -> Cell:
    rows = [{"path": f"{label}.wav", "label": label} for label in CLASSES]
    target = write_corpus("target", rows)
    for corpus, seed in (("source", 0), ("source", 1), ("third", 0)):
        folder = classifier_folder(tmp_path / corpus, None, seed, tmp_path)
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_text(f"{corpus} {seed}")
    return Cell(Scene(), tmp_path / "source", target, tmp_path / "third", 0)


def _with_lalm(cell: Cell, lalm: Lalm) -> Cell:
    return replace(cell, scene=replace(cell.scene, lalm=lalm))


@pytest.mark.parametrize(
    "change",
    [
        lambda cell: replace(cell, seed=1),
        lambda cell: replace(cell, scene=replace(cell.scene, skewed=True)),
        lambda cell: _with_lalm(cell, Lalm("third")),
        lambda cell: _with_lalm(cell, Lalm("oracle", bias=1)),
    ],
)
def test_other_circumstances_are_another_result(cell: Cell, tmp_path: Path, change: Callable[[Cell], Cell]) -> None:
    paper = BY_NAME["paper"]
    assert place_of(change(cell), paper, tmp_path) != place_of(cell, paper, tmp_path)


def test_what_does_not_hear_the_lalm_is_computed_once_for_all(cell: Cell, tmp_path: Path) -> None:
    method = BY_NAME["classifier-only"]
    assert place_of(_with_lalm(cell, Lalm("third")), method, tmp_path) == place_of(cell, method, tmp_path)


def test_each_method_has_its_own_result(cell: Cell, tmp_path: Path) -> None:
    methods = chosen(None)[0]
    assert len({place_of(cell, method, tmp_path) for method in methods}) == len(methods)


def test_raw_results_come_back_as_they_were(make_result: Callable[..., Result], tmp_path: Path) -> None:
    results = [make_result("01", "0-", seed=seed, curve=[[0, 0.5]]) for seed in range(2)]
    write_all(tmp_path / "raw.jsonl", results)
    assert read_all(tmp_path / "raw.jsonl") == results


def _written(root: Path, **modules: str) -> Path:
    for name, code in modules.items():
        file = root / "tasks" / "students" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return root


IMPORTING = "def f():\n    from tasks.students.b import g\n    return g()\n"


def test_code_that_a_method_imports_in_a_function_counts(tmp_path: Path) -> None:
    one = _written(tmp_path / "1", a=IMPORTING, b="def g():\n    return 1\n")
    two = _written(tmp_path / "2", a=IMPORTING, b="def g():\n    return 2\n")
    assert code_version("tasks.students.a", root=one) != code_version("tasks.students.a", root=two)


def test_comments_and_docstrings_do_not_count(tmp_path: Path) -> None:
    one = _written(tmp_path / "1", a='"""Old."""\ndef f():\n    """Old."""\n    return 1\n')
    two = _written(tmp_path / "2", a='"""New."""\ndef f():\n    """New."""\n    return 1  # new\n')
    assert code_version("tasks.students.a", root=one) == code_version("tasks.students.a", root=two)


def test_what_is_imported_for_types_alone_does_not_count(tmp_path: Path) -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tasks.students.b import G\n"
    one, two = (_written(tmp_path / n, a=typed, b=f"G = {n}\n") for n in "12")
    assert code_version("tasks.students.a", root=one) == code_version("tasks.students.a", root=two)
