"""Two trainings into one folder: the second waits, and then finds the first one's classifier there."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from threading import Thread

import pytest

from flows.classifier_folder import alone_in_classifier_folder
from tasks.contracts.errors import CheckpointError


def second_training(folder: Path, *, force: bool) -> str:
    """What a second one was told that came while a first one was at work."""
    told: list[str] = []

    def train() -> None:
        try:
            with alone_in_classifier_folder(folder, force):
                told.append("trained")
        except CheckpointError as error:
            told.append(str(error))

    # Not capsys: what is printed while it empties its buffer is lost.
    second, said = Thread(target=train), io.StringIO()
    with alone_in_classifier_folder(folder, force=False), redirect_stdout(said):
        second.start()
        while "another `mifuse train-source` into this folder is at work (pid " not in said.getvalue():
            second.join(0.01)
        assert not told
        folder.mkdir()
        (folder / "config.json").write_text('{"classes": []}')
    second.join()
    return told[0]


def test_the_second_does_not_train_over_the_first(tmp_path: Path) -> None:
    told = second_training(tmp_path / "classifier", force=False)
    assert told.startswith(f"{tmp_path / 'classifier'}: holds a classifier already.")


def test_with_force_it_trains_when_the_first_has_ended(tmp_path: Path) -> None:
    assert second_training(tmp_path / "classifier", force=True) == "trained"
    assert [path.name for path in tmp_path.iterdir()] == ["classifier"]


def test_two_folders_have_nothing_to_do_with_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone_in_classifier_folder(tmp_path / "one", False), alone_in_classifier_folder(tmp_path / "other", False):
        assert capsys.readouterr().out == ""
