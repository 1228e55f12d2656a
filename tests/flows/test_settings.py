"""`pipelines.yaml`: every mistake at once, named as it stands in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dag import nodes_of
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import SettingsError
from tests.flows.conftest import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, **changes: Any) -> Path:
    file = folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"calls": SETTINGS | changes}}))
    return file


def mistakes(folder: Path, **changes: Any) -> str:
    with pytest.raises(SettingsError) as error:
        read_pipelines(write(folder, **changes))
    return str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    teachers = SETTINGS["teachers"] | {"lalm": {"kind": "gemini", "drawz": 5}, "other": {"kind": "gemni"}}
    told = mistakes(tmp_path, teachers=teachers, fuse={"kind": "mutual_information", "temperature": -1})
    assert 'pipeline "calls", 3 mistakes:' in told
    assert 'teachers.lalm.drawz: unknown setting. Did you mean "draws"?' in told
    assert 'teachers.other: unknown kind "gemni". Did you mean "gemini"? Known: anthropic, gemini, mc' in told
    assert "fuse.temperature: must be greater than 0, got -1" in told


def test_mistakes_of_all_pipelines_are_told(tmp_path: Path) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {name: SETTINGS | {"extra": 1} for name in ("one", "two")}}))
    with pytest.raises(SettingsError, match=r'(?s)pipeline "one", 1 mistake.*pipeline "two", 1 mistake'):
        read_pipelines(file)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"classes": ["angry"]}, "classes: .*at least 2 items"),
        ({"classes": ["angry", "angry"]}, "classes: each class must be named once"),
        ({"classes": ["Angry", "sad"]}, 'classes.0: "Angry" cannot name a column'),
        ({"student": {"kind": "mi_fuse", "teacher_refresh": "daily"}}, "student.teacher_refresh: must be 'step'"),
        ({"student": {"kind": "mi_fuse", "steps": 0}}, "student.steps: must be greater than or equal to 1, got 0"),
        ({"student": {"steps": 0}}, "student.steps: must be greater than or equal to 1, got 0"),
        ({"student": {"stesp": 9}}, 'student.stesp: unknown setting. Did you mean "steps"?'),
        (
            {"fuse": {"kind": "single", "teacher": "nobody"}},
            'fuse.teacher: no teacher "nobody"; known: classifier, lalm',
        ),
        (
            {"fuse": {"kind": "kl_gated", "reference": "nobody"}},
            'fuse.reference: no teacher "nobody"; known: classifier, lalm',
        ),
        ({"fuse": {"kind": "kl_gated", "threshold": -1}}, "fuse.threshold: must be greater than or equal to 0, got -1"),
        ({"fuse": {"temperature": 2}}, "fuse: `kind` is missing"),
        ({"clips": {}}, "clips.folder: is missing"),
        ({"teachers": {"lalm": {"kind": "simulated"}}}, "exactly one of kind mc_dropout is needed"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_pipelines(write(tmp_path, **changes))


def test_a_teacher_with_one_draw_is_refused_by_the_mutual_information_rule(tmp_path: Path) -> None:
    teachers = SETTINGS["teachers"] | {"lalm": {"kind": "simulated", "draws": 1}}
    told = mistakes(tmp_path, teachers=teachers)
    assert "teachers.lalm.draws: fuse.kind mutual_information needs at least 2, got 1" in told


def test_mistakes_between_settings_are_told_at_once_too(tmp_path: Path) -> None:
    told = mistakes(tmp_path, teachers={"Foo": {"kind": "simulated", "draws": 1}})
    assert "3 mistakes" in told
    assert '"Foo" cannot name columns' in told
    assert "teachers.Foo.draws: fuse.kind mutual_information needs at least 2" in told
    assert "exactly one of kind mc_dropout is needed" in told


def test_the_classifier_cannot_be_called_like_the_paid_model(tmp_path: Path) -> None:
    teachers = {"lalm": SETTINGS["teachers"]["classifier"]}
    assert 'the results take "lalm" for a paid model' in mistakes(tmp_path, teachers=teachers)


def test_a_teacher_with_one_draw_is_taken_by_the_equal_rule(tmp_path: Path) -> None:
    teachers = SETTINGS["teachers"] | {"lalm": {"kind": "simulated", "draws": 1}}
    assert read_pipelines(write(tmp_path, teachers=teachers, fuse={"kind": "equal"}))


@pytest.mark.parametrize(("weights", "needed"), [("mutual_information", 2), ("equal", None)])
def test_a_product_of_experts_needs_the_draws_that_its_weights_need(
    tmp_path: Path, weights: str, needed: int | None
) -> None:
    teachers = SETTINGS["teachers"] | {"lalm": {"kind": "simulated", "draws": 1}}
    fuse = {"kind": "product_of_experts", "weights": weights}
    if needed is None:
        assert read_pipelines(write(tmp_path, teachers=teachers, fuse=fuse))
    else:
        told = mistakes(tmp_path, teachers=teachers, fuse=fuse)
        assert f"teachers.lalm.draws: fuse.kind product_of_experts needs at least {needed}, got 1" in told


@pytest.mark.parametrize("name", ["source", "fused", "student", "Lalm", "a-b"])
def test_a_teacher_cannot_be_called_like_a_row_of_the_results(tmp_path: Path, name: str) -> None:
    teachers = SETTINGS["teachers"] | {name: {"kind": "simulated"}}
    assert f'"{name}" cannot name columns and rows' in mistakes(tmp_path, teachers=teachers)


@pytest.mark.parametrize("name", ["answers", "store", "a b", "../up"])
def test_a_pipeline_cannot_be_called_like_a_shared_folder_of_the_cache(tmp_path: Path, name: str) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {name: SETTINGS}}))
    with pytest.raises(SettingsError, match="cannot name a pipeline"):
        read_pipelines(file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("pipelines: [", "not YAML"),
        ("[1, 2]", "expected a mapping with `pipelines:`, found list"),
        ("pipelines: {}", "at least one named pipeline"),
        ("pipeline: {}", 'unknown key "pipeline". Known: defaults, pipelines.'),
        ("pipelines: {a: {}, a: {}}", '"a" stands there twice'),
        ("pipelines: {on: {}}", "the name is read as True; put it into quotes"),
        ("pipelines: {a: null}", "must be a mapping, got None"),
    ],
)
def test_a_file_that_is_no_pipelines_file(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=told):
        read_pipelines(file)


def test_defaults_fill_in_what_a_pipeline_does_not_say(tmp_path: Path) -> None:
    file = tmp_path / "pipelines.yaml"
    rest = {key: value for key, value in SETTINGS.items() if key != "classes"}
    file.write_text(yaml.safe_dump({"defaults": {"classes": ["joy", "grief"]}, "pipelines": {"calls": rest}}))
    assert read_pipelines(file)["calls"].classes == ["joy", "grief"]


def test_relative_paths_are_meant_from_the_file(tmp_path: Path) -> None:
    settings = read_pipelines(write(tmp_path))["calls"]
    assert settings.clips.folder == tmp_path / "target"
    assert settings.classifier.path == tmp_path / "classifier"


def test_a_relative_encoder_folder_is_a_path_and_a_hub_name_stays_a_name(tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    names = {}
    for model in ("encoder", "./gone", "microsoft/wavlm-base-plus"):
        source = SETTINGS["source"] | {"encoder": {"kind": "huggingface", "model": model, "revision": "abc"}}
        read = read_pipelines(write(tmp_path, source=source))["calls"].source
        assert read is not None
        names[model] = read.encoder.model
    assert names == {
        "encoder": str(tmp_path / "encoder"),
        "./gone": str(tmp_path / "gone"),
        "microsoft/wavlm-base-plus": "microsoft/wavlm-base-plus",
    }


def test_a_hub_name_needs_a_revision(tmp_path: Path) -> None:
    source = SETTINGS["source"] | {"encoder": {"kind": "huggingface", "model": "microsoft/wavlm-base-plus"}}
    assert "is a name on the hub and needs `revision`" in mistakes(tmp_path, source=source)


def test_limits_prices_and_paths_do_not_enter_what_a_result_depends_on(tmp_path: Path) -> None:
    def fingerprints(**lalm: Any) -> list[Any]:
        teachers = SETTINGS["teachers"] | {"lalm": {"kind": "gemini"} | lalm}
        settings = read_pipelines(write(tmp_path, teachers=teachers))["calls"]
        return [node.settings for node in nodes_of("calls", settings, tmp_path)]

    limits = {"concurrency": 2, "requests_per_minute": 5}
    assert fingerprints() == fingerprints(limits=limits, max_cost_usd=3, min_answered=0.5)
    assert fingerprints() != fingerprints(temperature=0.7)


def test_the_shipped_demo_and_the_example_file_describe_the_same_pipeline(tmp_path: Path) -> None:
    """So that `mifuse status demo` finds fresh in the root what `mifuse demo` made."""
    shipped = (ROOT / "flows" / "demo.yaml").read_text()
    (tmp_path / "demo.yaml").write_text(shipped)
    demo: PipelineSettings = read_pipelines(tmp_path / "demo.yaml")["demo"]
    example: PipelineSettings = read_pipelines(ROOT / "pipelines.yaml")["demo"]
    assert demo.fingerprint() == example.fingerprint()
    below = [p.clips.folder.relative_to(b) for p, b in ((demo, tmp_path), (example, ROOT / "cache" / "demo"))]
    assert below[0] == below[1]
    paths = [p.classifier.path.relative_to(b) for p, b in ((demo, tmp_path), (example, ROOT / "cache" / "demo"))]
    assert paths[0] == paths[1]
