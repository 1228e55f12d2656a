"""A regression checkpoint, such as of valence and arousal, as a classifier: near a class's place it is likely."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames
from tasks.networks.config import read_config
from tasks.networks.folder import load_classifier
from tasks.networks.places import Places
from tests.networks.audio_classifiers import save_audio_classifier

OUTPUTS = ["arousal", "dominance", "valence"]
AT = {
    "angry": {"valence": 0.2, "arousal": 0.8},
    "happy": {"valence": 0.9, "arousal": 0.7},
    "sad": {"valence": 0.1, "arousal": 0.2},
}
PLACES = Places(at=AT, spread=0.3)


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("va")
    return save_audio_classifier(folder, "wav2vec2", OUTPUTS, problem_type="regression")


def literal(x: dict[str, float]) -> list[float]:
    """One clip, class by class."""
    near = {
        name: np.exp(-((x["valence"] - at["valence"]) ** 2 + (x["arousal"] - at["arousal"]) ** 2) / (2 * 0.3**2))
        for name, at in AT.items()
    }
    return [value / sum(near.values()) for value in near.values()]


def test_probabilities_fall_with_the_distance_from_a_classs_place(regression: Path) -> None:
    """The last layer gives class logits; before it the regression is as transformers has it."""
    from tasks.networks.checkpoint_weights import _NAMES, _tensors

    head, config = load_classifier(regression, places=PLACES)
    theirs = _tensors(regression, list(_NAMES.values()))
    heard = Frames.of_means(torch.randn(5, config.n_layers, config.dim, generator=torch.Generator().manual_seed(2)))
    hidden = head.hidden(heard)
    x_ND = hidden @ theirs["classifier.weight"].T + theirs["classifier.bias"]
    expected = [literal(dict(zip(OUTPUTS, x, strict=True))) for x in x_ND.tolist()]
    np.testing.assert_allclose(head(heard).double().softmax(dim=-1).detach(), expected, atol=1e-4)


def test_a_dimension_that_no_place_names_has_no_weight() -> None:
    weights_CD, _ = PLACES.as_layer(OUTPUTS)
    assert (weights_CD[:, 1] == 0).all()
    assert (weights_CD[:, [0, 2]] != 0).all()


def test_the_classes_are_those_that_are_placed_and_a_student_needs_no_places(regression: Path) -> None:
    head, config = load_classifier(regression, places=PLACES)
    assert config.classes == ["angry", "happy", "sad"]
    assert (config.places, head.config.places) == (None, None)


def test_other_places_are_another_classifier(regression: Path) -> None:
    other = Places(at=AT, spread=0.4)
    assert read_config(regression, places=PLACES).described() != read_config(regression, places=other).described()


def test_without_places_it_is_told_what_to_write_with_its_dimensions(regression: Path) -> None:
    told = r"outputs are arousal, dominance, valence, not classes.*`places: \{angry: \{arousal: 0\.5, dominance.*spread"
    with pytest.raises(CheckpointError, match=told):
        read_config(regression)


def test_a_dimension_that_the_checkpoint_lacks_is_refused(regression: Path) -> None:
    places = Places(at={"angry": {"arousl": 1.0}, "sad": {"arousl": 0.0}}, spread=0.2)
    told = r"names the dimension arousl; the checkpoint's are arousal, dominance, valence\. Did you mean \"arousal\"\?"
    with pytest.raises(CheckpointError, match=told):
        read_config(regression, places=places)


def test_places_are_not_for_a_checkpoint_of_classes(tmp_path: Path) -> None:
    folder = save_audio_classifier(tmp_path / "ser", "wavlm")
    with pytest.raises(CheckpointError, match=r"this is a checkpoint of classes\. Take `places` and `spread` out"):
        read_config(folder, places=PLACES)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ({"angry": {"arousal": 1}}, "at least two classes, got angry"),
        (
            {"angry": {"arousal": 1}, "sad": {"valence": 0}},
            "sad is placed by valence, angry by arousal; expected the same",
        ),
        ({"angry": {}, "sad": {}}, "angry is placed by no dimension"),
        ({"angry": {"arousal": 1}, "sad": {"arousal": 1}}, "angry and sad are at one place"),
        ({"angry": {"arousal": float("nan")}, "sad": {"arousal": 1}}, "finite number"),
    ],
)
def test_places_that_tell_no_classes_apart_are_refused(at: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Places(at=at, spread=0.2)


@pytest.mark.parametrize("spread", [0, -0.1, float("inf")])
def test_the_spread_is_a_positive_number(spread: float) -> None:
    with pytest.raises(ValidationError, match="spread"):
        Places(at=AT, spread=spread)
