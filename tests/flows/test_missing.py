"""What `mifuse check` says of folders and files that are not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.__main__ import main
from flows.missing import not_there
from flows.settings import read_pipelines
from tests.flows.conftest import SETTINGS, Project

PAPER = Path(__file__).parents[2] / "bench" / "paper.yaml"


@pytest.fixture
def told(tmp_path: Path) -> str:
    """The paper's pipelines in a folder that has nothing but `data`."""
    (tmp_path / "data").mkdir()
    (tmp_path / "bench").mkdir()
    copied = tmp_path / "bench" / "paper.yaml"
    copied.write_text(PAPER.read_text(encoding="utf-8"), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", "improv_to_iemocap", "--pipelines", str(copied)])
    assert result.exit_code == 0, result.output
    return result.output.replace(str(tmp_path.resolve()), "ROOT")


def test_a_missing_folder_of_clips_is_named(told: str) -> None:
    assert "not there yet: clips.folder: no folder ROOT/data/emobox; put the audio there, or change" in told


def test_a_missing_manifest_is_named_with_what_is_there(told: str) -> None:
    missing = "clips.manifest: no file ROOT/data/emobox/data/iemocap/iemocap.jsonl (ROOT/data is there)."
    assert missing in told


def test_the_source_is_told_too(told: str) -> None:
    assert "source.clips.manifest: no file ROOT/data/emobox/data/mspimprov/mspimprov.jsonl" in told


def test_a_classifier_that_can_be_trained_says_by_what(told: str) -> None:
    assert (
        "teachers.classifier.path: no folder ROOT/models/paper/improv (ROOT is there); `mifuse train-source` makes"
        in told
    )


def test_accelerate_is_told_where_several_processes_need_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.change(student={"kind": "mi_fuse", "recipe": "paper", "trainable": "all", "processes": 2})
    project.change(source=None)
    settings = read_pipelines(project.folder / "pipelines.yaml")["small"]
    assert not_there(settings) == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    [told] = not_there(settings)
    assert told.startswith("student.processes: 2 needs accelerate, which is not installed. Install it with")
    assert not told.endswith(".")


def test_models_that_settings_name_are_told(project: Project) -> None:
    gone = {"kind": "text", "model": "./gone"}
    encoder = {"kind": "joined", "parts": [{"kind": "logmel"}, gone]}
    pooling = {"kind": "label_signal", "words": gone}
    project.change(
        source=SETTINGS["source"] | {"encoder": encoder, "pooling": pooling},
        student={"kind": "cohort", "representations": [gone, {"kind": "text", "model": "org/bert", "revision": "1a"}]},
    )
    told = not_there(read_pipelines(project.folder / "pipelines.yaml")["small"])
    keys = [line.partition(": no folder ")[0] for line in told]
    assert keys == ["source.encoder.parts.1.model", "source.pooling.words.model", "student.representations.0.model"]
    project.change(source=None, student={"kind": "label_signal", "pooling": {"words": gone}})
    [told_of_words] = not_there(read_pipelines(project.folder / "pipelines.yaml")["small"])
    assert told_of_words.startswith("student.pooling.words.model: no folder ")
