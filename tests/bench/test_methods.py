"""The list of methods."""

import click
import pytest

from bench.transfers.methods import METHODS, Method, chosen, why_not


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(click.UsageError, match=r"no method pape\. Known: source \(source statistics\), source, LALM"):
        chosen(["paper", "pape"])


def test_methods_come_in_the_table_s_order() -> None:
    assert [method.name for method in chosen(["paper", "LALM", "source"])[0]] == ["source", "LALM", "paper"]


def test_a_trainer_that_does_not_exist_is_named() -> None:
    assert why_not(Method("m", student={"kind": "magic"})) == "no kind magic"


def test_a_setting_that_does_not_exist_is_named() -> None:
    told = why_not(Method("m", rule={"kind": "equal", "sharpness": 1}))
    assert told is not None
    assert "sharpness: Extra inputs are not permitted" in told


def test_names_are_not_used_twice() -> None:
    assert len({method.name for method in METHODS}) == len(METHODS)
