from pathlib import Path

import pytest

from tasks.contracts.errors import CheckpointError
from tasks.networks.labels import Outputs, class_of_each, own_shares


def test_without_a_map_each_label_is_a_class_of_its_own_name() -> None:
    assert class_of_each(["sad", "angry"], {}, Path()) == (["sad", "angry"], None, None)


def test_renaming_keeps_each_output_a_class() -> None:
    found = class_of_each(["a", "b", "c"], {"a": "b", "b": "c", "c": "a"}, Path())
    assert found == (["b", "c", "a"], None, None)


def test_labels_of_one_class_are_joined_where_the_class_first_appears() -> None:
    found = class_of_each(["x", "hap", "exc", "sad"], {"hap": "happy", "exc": "happy", "x": "sad"}, Path())
    assert found == (["sad", "happy"], [0, 1, 1, 0], None)


def test_a_label_of_null_has_no_class() -> None:
    assert class_of_each(["oth", "sad", "hap"], {"oth": None}, Path()) == (["sad", "hap"], [None, 0, 1], None)


def test_a_label_that_the_checkpoint_lacks_is_told_with_those_that_it_has() -> None:
    with pytest.raises(CheckpointError, match=r"ser: the classifier has no label angry, joy\. Its labels are ang, sad"):
        class_of_each(["ang", "sad"], {"angry": "angry", "ang": "angry", "joy": "happy"}, Path("ser"))


def test_leaving_out_all_labels_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"ser: `labels` leaves out all of ang, sad\. Give classes"):
        class_of_each(["ang", "sad"], {"ang": None, "sad": None}, Path("ser"))


def test_a_label_of_several_classes_is_shared_out_by_its_weights() -> None:
    found = class_of_each(["hap", "low", "oth"], {"low": {"sad": 1, "neutral": 3}, "oth": None}, Path())
    assert found == (["hap", "sad", "neutral"], None, [[1, 0, 0], [0, 0.25, 0.75], [0, 0, 0]])


def test_a_map_of_classes_that_are_groups_of_outputs_is_one_of_the_outputs() -> None:
    """A student of a mapped checkpoint, itself mapped in another pipeline."""
    own_OK = own_shares(Outputs(["happy", "sad"], [0, 1, 0, None], None))
    found = class_of_each(["happy", "sad"], {"happy": {"joy": 1, "calm": 1}}, Path(), own_OK)
    assert found == (["joy", "calm", "sad"], None, [[0.5, 0.5, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0, 0]])
