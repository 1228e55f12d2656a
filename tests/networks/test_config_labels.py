"""What a classifier's config says of its outputs once these are mapped, and of classes that it lacks."""

import json
from pathlib import Path

import pytest

from tasks.contracts.errors import CheckpointError
from tasks.networks.config import ClassifierConfig, check_classes, read_config
from tasks.networks.places import Places
from tests.networks.test_config import write


def test_classes_of_our_own_classifiers_are_mapped_likewise(tmp_path: Path, config: ClassifierConfig) -> None:
    folder = write(tmp_path / "ours", config.model_dump_json())
    found = read_config(folder, {"happy": "up", "angry": "up", "sad": None})
    assert (found.classes, found.groups) == (["up", "neutral"], [0, 0, 1, None])
    assert read_config(folder, {"sad": {"low": 1, "neutral": 1}}).shares is not None


def test_places_are_not_for_our_own_classifiers(tmp_path: Path, config: ClassifierConfig) -> None:
    folder = write(tmp_path / "ours", config.model_dump_json())
    places = Places(at={"angry": {"arousal": 1.0}, "sad": {"arousal": 0.0}}, spread=0.2)
    with pytest.raises(
        CheckpointError, match=r"ours: `places` are for .* this is a classifier of mifuse\. Take `places`"
    ):
        read_config(folder, places=places)


def test_a_config_without_anything_new_is_described_as_ever(config: ClassifierConfig) -> None:
    """Kept draws and results lie under a digest of it."""
    assert config.described().keys() == config.model_dump().keys() - {"encoder", "frames", "beside", "shares", "places"}


@pytest.mark.parametrize(
    "shares", [[[1, 0, 0, 0]] * 4, [[0.5, 0.4, 0, 0], *([[0.25] * 4] * 2)], [[1.0]], [[2, -1, 0, 0]]]
)
def test_shares_that_are_none_are_refused(tmp_path: Path, config: ClassifierConfig, shares: list[list[float]]) -> None:
    content = json.dumps(config.model_dump(mode="json") | {"shares": shares})
    with pytest.raises(CheckpointError, match=r"config.json: not a classifier(?s:.)*are not rows that share outputs"):
        read_config(write(tmp_path, content))


def test_a_classifier_may_lack_what_is_declared(config: ClassifierConfig) -> None:
    check_classes(config, [*config.classes, "fear"], Path("source"), ["fear"])


def test_a_class_that_no_label_means_must_be_declared(config: ClassifierConfig) -> None:
    with pytest.raises(CheckpointError, match=r"source: .* the pipeline's are .*fear.* say so: `lacks: \[fear\]`"):
        check_classes(config, [*config.classes, "fear"], Path("source"))


def test_a_class_that_is_known_is_not_lacking(config: ClassifierConfig) -> None:
    with pytest.raises(CheckpointError, match=r"source: `lacks` names sad, but the classifier knows it:.*Take it out"):
        check_classes(config, config.classes, Path("source"), ["sad"])
