"""The table of changes: what `mifuse status` says of each, what is run again, what is asked and what is computed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.contracts.stages import CODE_VERSIONS
from tests.flows.changes_table import ASK, CHANGES, DRAWS, INDEX, Change, counted
from tests.flows.conftest import Project


@pytest.fixture(autouse=True)
def code_versions() -> Iterator[None]:
    """A change may raise one."""
    before = dict(CODE_VERSIONS)
    yield
    CODE_VERSIONS.update(before)


def own_reasons(told: str) -> dict[str, list[str]]:
    """Stage → the lines that `mifuse status` prints below it, without those that only name another stage."""
    reasons: dict[str, list[str]] = {}
    node = ""
    for line in told.splitlines():
        if line.startswith("      "):
            if not line.strip().startswith("reads from "):
                reasons.setdefault(node, []).append(line.strip())
        else:
            node = line.split()[0]
    return reasons


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=[change.what for change in CHANGES])
def test_a_change_is_told_and_costs_what_it_must(project: Project, change: Change) -> None:
    """The reason is printed, exactly these stages run, and afterwards everything is fresh."""
    change.make(project)
    told = project.mifuse("status", "small").output
    assert own_reasons(told) == change.reasons
    assert ("all 6 stages fresh" in told) == (not change.reasons)
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    ran = project.stages_run(result)
    assert ran == list(change.ran)
    assert counted(project, ran, ASK, "calls") == change.calls
    assert counted(project, ran, DRAWS, "computed") == change.computed
    assert counted(project, ran, INDEX, "measured") == change.measured
    assert "everything is fresh; nothing to run, no call made" in project.mifuse("run", "small").output


def test_the_table_holds_at_least_twenty_changes_of_their_own() -> None:
    assert len({change.what for change in CHANGES}) == len(CHANGES) >= 20
