"""`student: {kind: cohort}`: what it takes, what it refuses, and what its fingerprint is of."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.networks.head import Head
from tasks.students import StudentSettings
from tasks.students.cohort import CohortSettings


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


def test_a_representation_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="one of them stands there twice; take it away"):
        settings_of(representations=[{"kind": "logmel"}, {"kind": "logmel"}])


def test_where_the_encoders_lie_is_no_part_of_the_settings_fingerprint() -> None:
    a, b = (settings_of(representations=[{"kind": "text", "model": f"/{place}/text"}]) for place in "ab")
    assert a.fingerprint() == b.fingerprint()
