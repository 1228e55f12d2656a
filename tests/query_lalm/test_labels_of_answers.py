"""A paid teacher that is asked about names of its own, which mean classes of the pipeline."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.dag import nodes_of
from flows.settings import read_pipelines
from tasks.asking.reading import read_answer
from tasks.contracts.class_map import Labels, class_map
from tasks.contracts.errors import SettingsError
from tasks.contracts.tables import p_columns
from tests.flows.conftest import SETTINGS, Project
from tests.query_lalm.asking import gemini

CLASSES = ["angry", "happy", "neutral", "sad"]
LABELS: Labels = {"angry": "angry", "happy": "happy", "neutral": {"sad": 1, "neutral": 3}, "sad": None}


def test_it_is_asked_about_its_labels_and_the_table_is_of_the_classes(workplace, server):
    """Draw by draw, and what means no class is told."""
    workplace.ask(gemini(labels=LABELS))
    meaning = class_map(list(LABELS), LABELS, CLASSES)
    for row in workplace.table().iter_rows(named=True):
        found = meaning.applied(np.array(read_answer(row["raw_answer"], list(LABELS))))
        np.testing.assert_allclose([row[name] for name in p_columns(CLASSES)], found.probs)
        np.testing.assert_allclose(row["unmapped"], found.unmapped)
        assert row["unmapped"] > 0


def test_another_map_of_the_same_labels_asks_nothing(workplace, server):
    workplace.ask(gemini(labels=LABELS))
    before, asked = workplace.table(), server.requests
    stats = workplace.ask(gemini(labels=LABELS | {"sad": "sad"}))
    assert (stats["calls"], server.requests) == (0, asked)
    assert workplace.table()["unmapped"].to_list() == [0.0] * before.height
    assert not workplace.table().select(p_columns(CLASSES)).equals(before.select(p_columns(CLASSES)))


def test_an_answer_that_is_all_of_no_class_has_no_probabilities_and_is_not_asked_again(workplace, server):
    votes = gemini(answer="label", labels={name: None if name != "happy" else "happy" for name in CLASSES}, lacks=[])
    stats = workplace.ask(votes, classes=["happy", "sad"])
    table = workplace.table(["happy", "sad"])
    unmapped = table.filter(table["status"] == "unmapped")
    assert stats["unmapped"] == unmapped.height > 0
    assert set(unmapped["reason"]) == {"100% of it maps to no class"}
    assert unmapped["p_happy"].null_count() == unmapped.height
    assert workplace.ask(votes, classes=["happy", "sad"])["calls"] == 0


def test_it_counts_as_an_answer_for_min_answered(workplace, server):
    labels: Labels = {**dict.fromkeys(CLASSES), "bored": "sad", "excited": "happy"}
    stats = workplace.ask(gemini(answer="label", labels=labels, min_answered=1.0), classes=["happy", "sad"])
    assert stats["answered"] + stats["unmapped"] == 6


def test_a_class_that_it_lacks_is_not_asked_about(workplace, server):
    workplace.ask(gemini(lacks=["happy"]))
    for row in workplace.table().iter_rows(named=True):
        answer = read_answer(row["raw_answer"], ["angry", "neutral", "sad"])
        assert [row[f"p_{name}"] for name in ("angry", "neutral", "sad")] == pytest.approx(answer)
        assert row["p_happy"] == 0.0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"labels": {"joy": "happy"}}, "teachers.lalm.labels: the model is asked to choose among joy; expected at"),
        (
            {"labels": {"joy": "happy", "Joy": "sad", "b": "angry", "c": "neutral"}},
            "teachers.lalm.labels: the model is asked to choose among Joy, b, c, joy; expected at least two names that",
        ),
        ({"labels": {"joy": "happy", "low": "sad"}}, "no label means angry, neutral. Name one that does, or say"),
        ({"lacks": ["sat"]}, 'teachers.lalm.lacks: "sat" is no class of the pipeline. Did you mean "sad"?'),
        ({"synonyms": {"glad": "happy"}, "lacks": ["happy"]}, '"glad" stands for "happy", which is no class'),
    ],
    ids=str,
)
def test_labels_that_do_not_cover_the_classes_are_refused(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    project = Project(tmp_path)
    project.change(teachers=SETTINGS["teachers"] | {"lalm": {"kind": "simulated", "draws": 3} | changed})
    with pytest.raises(SettingsError) as found:
        read_pipelines(tmp_path / "pipelines.yaml")
    assert told in str(found.value)


def test_what_all_teachers_lack_is_refused(tmp_path: Path) -> None:
    teachers = {name: teacher | {"lacks": ["sad"]} for name, teacher in SETTINGS["teachers"].items()}
    Project(tmp_path).change(teachers=teachers)
    with pytest.raises(SettingsError, match="teachers: all of them lack sad, so no clip would ever get that label"):
        read_pipelines(tmp_path / "pipelines.yaml")


def test_a_map_makes_the_draws_stale_and_its_absence_changes_no_fingerprint(tmp_path: Path) -> None:
    def settings(**changed: Any) -> dict[str, Any]:
        Project(tmp_path).change(teachers=SETTINGS["teachers"] | {"lalm": {"kind": "simulated"} | changed})
        nodes = nodes_of("small", read_pipelines(tmp_path / "pipelines.yaml")["small"], tmp_path)
        found: dict[str, Any] = next(node for node in nodes if node.name == "query_lalm.lalm").settings["teachers.lalm"]
        return found

    assert not {"labels", "lacks", "classes"} & settings().keys()
    assert settings(labels=LABELS) != settings(labels=LABELS | {"sad": "sad"})
