"""Recipes: what they set, what overrides them, and what of it a student's freshness depends on."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.students.mi_fuse import MIFuseSettings

BEST = {"labels": "generative", "standardise": "target", "teacher_refresh": "never", "diversity": 0.5}
PAPER = {"labels": "fused", "standardise": "teacher", "teacher_refresh": "step", "diversity": 1.0}


def set_by(**given: Any) -> dict[str, Any]:
    settings = MIFuseSettings.model_validate(given).model_dump()
    return {name: settings[name] for name in BEST}


def test_best_is_the_default() -> None:
    assert set_by() == set_by(recipe="best") == BEST


def test_paper_is_as_published() -> None:
    assert set_by(recipe="paper") == PAPER


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"diversity": 1.0}, BEST | {"diversity": 1.0}),
        ({"standardise": "teacher"}, BEST | {"standardise": "teacher"}),
        ({"labels": "fused", "teacher_refresh": "step"}, BEST | {"labels": "fused", "teacher_refresh": "step"}),
        ({"recipe": "paper", "standardise": "target"}, PAPER | {"standardise": "target"}),
    ],
    ids=str,
)
def test_what_is_said_goes_before_the_recipe(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set_by(**given) == expected


def test_the_fingerprint_holds_what_the_recipe_set() -> None:
    """So that a student is stale when a later version of the recipe sets something else."""
    fingerprint = MIFuseSettings().fingerprint()
    assert {name: fingerprint[name] for name in BEST} == BEST


def test_settings_are_the_same_whether_said_or_set_by_the_recipe() -> None:
    assert MIFuseSettings.model_validate(BEST).fingerprint() == MIFuseSettings(recipe="best").fingerprint()


def test_settings_that_come_back_from_json_are_the_same() -> None:
    """What the recipe set is not set a second time over what was said."""
    settings = MIFuseSettings(diversity=2.0, recipe="paper", standardise="target")
    assert MIFuseSettings.model_validate(settings.model_dump(mode="json", exclude_unset=True)) == settings


@pytest.mark.parametrize(
    "given",
    [{"teacher_refresh": "step"}, {"teacher_refresh": "epoch"}, {"recipe": "paper", "labels": "generative"}],
    ids=str,
)
def test_labels_made_once_cannot_be_refreshed(given: dict[str, Any]) -> None:
    """Whichever of the two settings was said and which one the recipe set."""
    found = rf"`teacher_refresh` is {given.get('teacher_refresh', 'step')}, but labels of .* are made once, "
    remedy = "set `teacher_refresh: never`, or `labels: fused` as `recipe: paper` does"
    with pytest.raises(ValidationError, match=f"{found}.*; {remedy}"):
        MIFuseSettings.model_validate(given)


@pytest.mark.parametrize("recipe", ["bset", None, ["best"], {"best": 1}], ids=str)
def test_a_recipe_that_is_none_is_refused(recipe: Any) -> None:
    with pytest.raises(ValidationError, match=r"recipe\n.*'paper' or 'best'"):
        MIFuseSettings.model_validate({"recipe": recipe})


@pytest.mark.parametrize(
    ("given", "uses"),
    [
        ({}, "views"),
        ({"recipe": "paper"}, "rule"),
        ({"recipe": "paper", "teacher_refresh": "epoch"}, "rule"),
        ({"recipe": "paper", "teacher_refresh": "never"}, "labels"),
        ({"recipe": "paper", "labels": "generative", "teacher_refresh": "never"}, "views"),
        ({"labels": "fused"}, "labels"),
    ],
    ids=str,
)
def test_what_it_reads_follows_from_what_its_labels_are_made_of(given: dict[str, Any], uses: str) -> None:
    assert MIFuseSettings.model_validate(given).uses == uses


@pytest.mark.parametrize(
    ("given", "looks_ahead"),
    [
        ({}, True),
        ({"recipe": "paper"}, False),
        ({"recipe": "paper", "standardise": "target"}, True),
        ({"standardise": "teacher"}, True),
        ({"standardise": "teacher", "labels": "fused"}, False),
    ],
    ids=str,
)
def test_it_hears_all_clips_first_for_their_statistics_or_their_labels(
    given: dict[str, Any], looks_ahead: bool
) -> None:
    assert MIFuseSettings.model_validate(given).looks_ahead is looks_ahead


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"recipe": "paper", "teacher_refresh": "never"}, r"`teacher_refresh: step`$"),
        ({"recipe": "best"}, r"`teacher_refresh: step` and `labels: fused`$"),
    ],
    ids=["paper", "best"],
)
def test_an_average_that_nobody_asks_is_a_mistake(given: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MIFuseSettings.model_validate(given | {"ema": 0.99})
    [mistake] = refused.value.errors()
    assert "`ema` is 0.99, but with `teacher_refresh: never` no moving teacher is asked" in mistake["msg"]
    assert re.search(remedy, mistake["msg"])


def test_settings_that_were_written_down_whole_are_read_again() -> None:
    """As the processes that train together do: `ema` is then given, but is what it is by default."""
    settings = MIFuseSettings(recipe="best", trainable="all")
    assert MIFuseSettings.model_validate_json(settings.model_dump_json()) == settings
