"""`student: {kind: cohort}`: what it takes, what it refuses, and what its fingerprint is of."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.encoders.joined import JoinedSettings
from tasks.networks.head import Head
from tasks.students import StudentSettings
from tasks.students.cohort import CohortSettings
from tests.encoders.text_models import save_text_model


def settings_of(**given: Any) -> CohortSettings:
    return CohortSettings.model_validate(given)


def test_it_is_one_of_the_trainers() -> None:
    read: Any = TypeAdapter(StudentSettings).validate_python({"kind": "cohort"})
    assert isinstance(read, CohortSettings)
    assert [each.kind for each in read.representations] == ["logmel"]


def test_more_than_three_further_representations_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 3"):
        settings_of(representations=[{"kind": "logmel"}] * 4)


def test_what_the_classifier_hears_anyway_is_no_further_representation(head: Head) -> None:
    assert settings_of(representations=[{"kind": "logmel"}]).beside(head.config.encoder) == []


def test_the_classifiers_own_encoder_in_another_folder_is_none_either(tmp_path: Path) -> None:
    """Both are the same input, so they must give the same student."""
    for folder, seed in (("a", 0), ("b", 0), ("other", 1)):
        save_text_model(tmp_path / folder, seed=seed)
    said = [{"kind": "text", "model": str(tmp_path / folder)} for folder in ("a", "b", "other")]
    heard = JoinedSettings.model_validate({"parts": [{"kind": "logmel"}, said[0]]})
    asked = settings_of(representations=said[1:])
    assert asked.beside(heard) == list(asked.representations[1:])
    assert len(asked.heard_twice(heard)) == 1


def test_a_representation_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="one of them stands there twice; take it away"):
        settings_of(representations=[{"kind": "logmel"}, {"kind": "logmel"}])


def test_a_joined_representation_is_refused_since_all_but_its_first_part_would_not_be_heard() -> None:
    parts = [{"kind": "logmel"}, {"kind": "text", "model": "/text"}]
    with pytest.raises(ValidationError, match=r"tag 'joined' .* expected tags: 'clap', 'huggingface', 'logmel'"):
        settings_of(representations=[{"kind": "joined", "parts": parts}])


def test_where_the_encoders_lie_is_no_part_of_the_settings_fingerprint() -> None:
    a, b = (settings_of(representations=[{"kind": "text", "model": f"/{place}/text"}]) for place in "ab")
    assert a.fingerprint() == b.fingerprint()
