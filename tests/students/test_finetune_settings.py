"""What of the settings of fine-tuning contradicts itself, and what of them decides the result."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.shot import SHOTSettings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"processes": 2}, "`processes`: the encoder is not trained; give `trainable` as well"),
        ({"encoder_learning_rate": 1e-4, "accumulate": 2}, "`accumulate`, `encoder_learning_rate`: the encoder is not"),
        (
            {"trainable": "all", "batch_size": 4, "processes": 3, "accumulate": 2},
            "4 are too few for 3 processes with 2",
        ),
        ({"trainable": "some"}, "none.*all"),
        ({"trainable": {"top": 0}}, "greater than or equal to 1"),
        (
            {"recipe": "paper", "warm_start": True, "trainable": "all"},
            "`warm_start`: with an encoder in training the student starts from the classifier",
        ),
    ],
)
def test_a_contradiction_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        MIFuseSettings.model_validate(given)


def test_how_a_step_is_cut_up_is_not_in_the_fingerprint() -> None:
    """A student is as fresh as it was when it is trained by more processes or in smaller pieces."""
    one = MIFuseSettings(trainable="all")
    other = MIFuseSettings(trainable="all", processes=2, accumulate=4, gradient_checkpointing=True)
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("changed", [{"trainable": {"top": 2}}, {"encoder_learning_rate": 1e-4}])
def test_what_is_trained_and_how_fast_is_in_the_fingerprint(changed: dict[str, Any]) -> None:
    given = {"trainable": "all"}
    assert (
        MIFuseSettings.model_validate(given).fingerprint()
        != MIFuseSettings.model_validate(given | changed).fingerprint()
    )


def test_a_baseline_has_no_warm_start() -> None:
    """It adapts the source classifier by definition."""
    with pytest.raises(ValidationError, match="warm_start"):
        SHOTSettings.model_validate({"warm_start": True})
