"""A transformers audio classifier's config, read as ours, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.errors import CheckpointError
from tasks.networks.config import check_classes, read_config
from tests.networks.audio_classifiers import save_audio_classifier


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_audio_classifier(tmp_path_factory.mktemp("hubert"), "hubert")


def changed(folder: Path, to: Path, **entries: Any) -> Path:
    """A folder with the same `config.json` but for these entries; None takes one away."""
    content = json.loads((folder / "config.json").read_text()) | entries
    to.mkdir(parents=True)
    (to / "config.json").write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return to


def test_the_config_says_what_the_head_is_made_of(hubert: Path) -> None:
    found = read_config(hubert)
    assert found.classes == ["ang", "hap", "exc", "oth"]
    assert (found.n_layers, found.dim, found.hidden, found.groups) == (3, 16, 6, None)
    assert (found.pooling, found.layers, found.activation) == ("mean", "last", "none")


def test_the_encoder_is_the_checkpoint_itself(hubert: Path) -> None:
    found = read_config(hubert)
    assert found.encoder.model_dump()["model"] == str(hubert)
    assert found.encoder_identity == found.encoder.identity()


def test_a_weighted_sum_of_layers_is_kept(hubert: Path, tmp_path: Path) -> None:
    assert read_config(changed(hubert, tmp_path / "c", use_weighted_layer_sum=True)).layers == "weighted"


def test_a_normalised_output_is_a_layer_more(hubert: Path, tmp_path: Path) -> None:
    assert read_config(changed(hubert, tmp_path / "c", do_stable_layer_norm=True)).n_layers == 4


def test_labels_are_mapped_joined_and_left_out(hubert: Path) -> None:
    found = read_config(hubert, {"ang": "angry", "hap": "happy", "exc": "happy", "oth": None})
    assert (found.classes, found.groups) == (["angry", "happy"], [0, 1, 1, None])


@pytest.mark.parametrize(
    ("entries", "rate", "expected"),
    [
        ({"final_dropout": 0.3, "hidden_dropout": 0.2}, None, 0.3),
        ({"final_dropout": 0.0, "hidden_dropout": 0.2}, None, 0.2),
        ({"final_dropout": 0.3}, 0.5, 0.5),
        ({"final_dropout": 0.0, "hidden_dropout": 0.0}, 0.4, 0.4),
    ],
    ids=["the final one", "else the hidden one", "as set", "as set where there is none"],
)
def test_the_heads_dropout(
    hubert: Path, tmp_path: Path, entries: dict[str, Any], rate: float | None, expected: float
) -> None:
    assert read_config(changed(hubert, tmp_path / "c", **entries), dropout_rate=rate).dropout == expected


def test_without_any_dropout_the_user_is_asked_for_some(hubert: Path, tmp_path: Path) -> None:
    folder = changed(hubert, tmp_path / "c", final_dropout=0.0, hidden_dropout=0.0)
    with pytest.raises(CheckpointError, match=r"c: .*without dropout.*all draws.*teachers\.<name>\.dropout_rate"):
        read_config(folder)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"architectures": ["HubertModel"]}, r"HubertModel is no audio classifier.*source\.encoder.*train-source"),
        ({"architectures": []}, "none is no audio classifier"),
        ({"model_type": "bert"}, "type bert are not known. Known: data2vec-audio, hubert, wav2vec2, wavlm, whisper"),
        ({"problem_type": "multi_label_classification"}, "no distribution over classes .multi_label_classification, 4"),
        ({"id2label": {"0": "arousal"}}, "no distribution over classes .regression, 1 outputs"),
        ({"num_hidden_layers": None}, "config.json: num_hidden_layers is missing. Save the checkpoint"),
    ],
    ids=["an encoder alone", "no architecture", "another family", "several labels at once", "a number", "cut config"],
)
def test_what_is_no_audio_classifier_is_refused_with_the_reason(
    hubert: Path, tmp_path: Path, entries: dict[str, Any], told: str
) -> None:
    with pytest.raises(CheckpointError, match=told):
        read_config(changed(hubert, tmp_path / "c", **entries))


def test_two_outputs_without_names_have_those_of_transformers(hubert: Path, tmp_path: Path) -> None:
    assert read_config(changed(hubert, tmp_path / "c", id2label=None)).classes == ["LABEL_0", "LABEL_1"]


def test_ten_labels_keep_the_order_of_the_outputs(hubert: Path, tmp_path: Path) -> None:
    names = {str(n): f"l{n}" for n in (10, 2, 0, 1, 9, 3, 4, 5, 6, 7, 8)}
    assert read_config(changed(hubert, tmp_path / "c", id2label=names)).classes == [f"l{n}" for n in range(11)]


def test_other_classes_than_the_pipelines_are_told_with_the_labels_and_how_to_map_them(hubert: Path) -> None:
    told = (
        r"classes are ang, hap, exc, oth; the pipeline's are angry, happy\. It is a transformers checkpoint with the "
        r"labels ang, hap, exc, oth\..*`labels: \{ang: angry, exc: happy, other: null\}`"
    )
    with pytest.raises(CheckpointError, match=told):
        check_classes(read_config(hubert), ["angry", "happy"], hubert)


def test_mapped_classes_are_accepted(hubert: Path) -> None:
    found = read_config(hubert, {"ang": "angry", "hap": "happy", "exc": "happy", "oth": None})
    check_classes(found, ["happy", "angry"], hubert)


def test_reading_a_checkpoints_config_does_not_import_torch(hubert: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.networks.config import read_config; "
        f"read_config(Path({str(hubert)!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("names", [["a", "b"], {"a": "a", "b": "b"}, {"1": "a", "2": "b"}])
def test_labels_that_are_not_numbered_from_0_are_refused(hubert: Path, tmp_path: Path, names: Any) -> None:
    with pytest.raises(CheckpointError, match=r"c/config.json: id2label is .*a.* Expected the name of each output by"):
        read_config(changed(hubert, tmp_path / "c", id2label=names))
