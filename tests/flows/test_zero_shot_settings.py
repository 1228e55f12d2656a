"""What `pipelines.yaml` may say of a zero-shot teacher, and how its nodes stand in the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dag import nodes_of
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import SettingsError
from tests.flows.conftest import SETTINGS

CLAP: dict[str, Any] = {"kind": "zero_shot", "model": "org/clap", "revision": "1a2b"}
CLASSIFIER = {"classifier": SETTINGS["teachers"]["classifier"]}


def read(folder: Path, teachers: dict[str, Any], **changes: Any) -> PipelineSettings:
    file = folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"calls": SETTINGS | {"teachers": teachers} | changes}}))
    return read_pipelines(file)["calls"]


def mistakes(folder: Path, teachers: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(SettingsError) as error:
        read(folder, teachers, **changes)
    return str(error.value)


def test_the_others_are_all_teachers_but_the_classifier_in_order(tmp_path: Path) -> None:
    settings = read(tmp_path, {"clap": CLAP} | SETTINGS["teachers"])
    assert list(settings.others) == ["clap", "lalm"]
    assert list(settings.paid) == ["lalm"]
    assert list(settings.zero_shot) == ["clap"]
    assert settings.classifier_name == "classifier"


def test_a_paid_teacher_is_not_needed_even_by_trainers_that_learn_from_others(tmp_path: Path) -> None:
    settings = read(tmp_path, CLASSIFIER | {"clap": CLAP}, student={"kind": "dine"})
    nodes = {node.name: node for node in nodes_of("calls", settings, tmp_path)}
    assert nodes["train_student"].settings["teachers"] == ["clap"]
    assert "zero_shot.clap" in {each.node for each in nodes["train_student"].reads}


def test_the_classifier_alone_is_not_enough_for_them(tmp_path: Path) -> None:
    told = mistakes(tmp_path, CLASSIFIER, student={"kind": "dine"})
    assert "student.kind: dine learns from a teacher beside the classifier, such as a paid one; name one" in told


def test_free_teachers_come_before_paid_ones_and_the_choice_before_the_draws(tmp_path: Path) -> None:
    teachers = SETTINGS["teachers"] | {"clap": CLAP | {"repeats": "chosen"}}
    names = [node.name for node in nodes_of("calls", read(tmp_path, teachers), tmp_path)]
    assert names[:2] == ["index_clips", "choose_repeats.clap"]
    assert set(names[2:4]) == {"mc_dropout.classifier", "zero_shot.clap"}
    assert names[4] == "query_lalm.lalm"


def test_given_repeats_need_no_choice_and_no_source(tmp_path: Path) -> None:
    settings = read(tmp_path, CLASSIFIER | {"clap": CLAP}, source=None)
    assert "choose_repeats.clap" not in [node.name for node in nodes_of("calls", settings, tmp_path)]


def test_a_choice_without_labelled_source_clips_is_a_mistake(tmp_path: Path) -> None:
    told = mistakes(tmp_path, CLASSIFIER | {"clap": CLAP | {"repeats": "chosen"}}, source=None)
    assert "teachers.clap.repeats: chosen needs labelled clips to choose on, and there is no `source` section" in told


@pytest.mark.parametrize("name", ["classifier", "lalm"])
def test_it_may_not_take_the_name_of_another_kind(tmp_path: Path, name: str) -> None:
    teachers = {"source_net": CLASSIFIER["classifier"], name: CLAP}
    assert f"teachers.{name}: the results take" in mistakes(tmp_path, teachers)


def test_fewer_draws_than_the_rule_needs_are_a_mistake(tmp_path: Path) -> None:
    told = mistakes(tmp_path, CLASSIFIER | {"clap": CLAP | {"prompts": ["{e}"]}})
    assert "one prompt and one pair of repeats are a single draw" in told


def test_what_is_no_pair_is_told_where_it_stands(tmp_path: Path) -> None:
    told = mistakes(tmp_path, CLASSIFIER | {"clap": CLAP | {"repeats": "choosen", "wrods": {}}})
    assert "teachers.clap.repeats: must be 'chosen', got 'choosen'" in told
    assert "2 mistakes" in told
    assert 'teachers.clap.wrods: unknown setting. Did you mean "words"?' in told


def test_the_grid_is_no_setting_of_the_draws(tmp_path: Path) -> None:
    def settings_of(node: str, grid: list[int]) -> Any:
        chosen = CLASSIFIER | {"clap": CLAP | {"repeats": "chosen", "grid": grid}}
        nodes = {each.name: each for each in nodes_of("calls", read(tmp_path, chosen), tmp_path)}
        return nodes[node].settings

    assert settings_of("zero_shot.clap", [1, 2]) == settings_of("zero_shot.clap", [1, 8])
    assert settings_of("choose_repeats.clap", [1, 2]) != settings_of("choose_repeats.clap", [1, 8])


def test_other_vectors_of_the_same_weights_make_the_draws_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read(tmp_path, CLASSIFIER | {"clap": CLAP})
    (node,) = [each for each in nodes_of("calls", settings, tmp_path) if each.name == "zero_shot.clap"]
    before = node.outside()
    monkeypatch.setattr("tasks.encoders.clap._CODE_VERSION", 99)
    assert node.outside()["model"] != before["model"]
