"""`runner:` names who computes; a cluster is either started here or joined."""

import pytest
from pydantic import ValidationError

from tasks.contracts.runner import DaskRunner, RayRunner


@pytest.mark.parametrize("runner", [DaskRunner, RayRunner])
def test_a_cluster_is_either_started_or_joined(runner: type[DaskRunner] | type[RayRunner]) -> None:
    with pytest.raises(ValidationError, match="give `workers` to start a cluster here, or `address` to join one"):
        runner.model_validate({"kind": runner.model_fields["kind"].default, "workers": 2, "address": "tcp://there:1"})


@pytest.mark.parametrize("runner", [DaskRunner, RayRunner])
def test_a_cluster_that_is_joined_has_its_own_number_of_workers(runner: type[DaskRunner] | type[RayRunner]) -> None:
    assert runner.model_validate({"address": "tcp://there:1"}).address == "tcp://there:1"
