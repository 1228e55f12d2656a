"""A quota that machines share: slots in blocks, one per call, and what happens when it is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import TryAgainError
from tasks.asking.shared_quota import Blocks, QuotaSize, SharedQuotaLostError


@dataclass
class CountedQuota:
    """Keeps `SharedQuota`: waits `takes_s` for each block, counts them, and is lost after `lasts` of them."""

    takes_s: float = 0.0
    lasts: float = float("inf")
    blocks: list[int] = field(default_factory=list)

    def size(self) -> QuotaSize:
        return QuotaSize(limit=20, per_second=20)  # blocks of ten

    async def take(self, slots: int) -> None:
        await asyncio.sleep(self.takes_s)
        if len(self.blocks) >= self.lasts:
            raise SharedQuotaLostError("the shared quota is lost")
        self.blocks.append(slots)

    async def close(self) -> None:
        """Holds nothing."""


sizes = st.builds(QuotaSize, st.integers(1, 10_000), st.floats(0.001, 1e4))


@given(sizes, st.none() | st.floats(0.01, 1e6))
def test_a_block_is_at_least_one_slot_and_never_more_than_the_limit(size: QuotaSize, own: float | None) -> None:
    assert 1 <= size.block(LimitSettings(requests_per_minute=own)) <= size.limit


@given(sizes, st.none() | st.floats(0.01, 1e6))
def test_a_block_of_several_slots_is_no_more_than_a_seconds_worth_of_either_limit(
    size: QuotaSize, own: float | None
) -> None:
    block = size.block(LimitSettings(requests_per_minute=own))
    assert block == 1 or (block <= size.per_second and (own is None or block <= own / 60))


@pytest.mark.parametrize(
    ("limit", "per_second", "own", "block"),
    [(40, 20, None, 20), (20, 20, None, 10), (1000, 16.7, None, 16), (40, 20, 300, 5), (1, 0.5, None, 1)],
)
def test_blocks_by_hand(limit: int, per_second: float, own: float | None, block: int) -> None:
    assert QuotaSize(limit, per_second).block(LimitSettings(requests_per_minute=own)) == block


@given(st.integers(1, 30), st.integers(0, 200))
def test_a_block_is_used_up_before_another_is_taken(size: int, calls: int) -> None:
    quota = CountedQuota()

    async def take_all() -> None:
        blocks = Blocks(quota, size)
        for n in range(calls):
            assert len(quota.blocks) == -(-n // size)
            await blocks.take()

    asyncio.run(take_all())
    assert quota.blocks == [size] * -(-calls // size)


def test_each_call_takes_a_slot_repeated_ones_too(make_run: Any, answer: Any) -> None:
    quota = CountedQuota()
    run = make_run(lambda call, question: TryAgainError("503", 0) if call % 2 else answer, shared=quota, concurrency=8)
    outcome = run.ask(10)
    assert outcome.answered == 10
    assert (outcome.calls, quota.blocks) == (19, [10, 10])


def test_calls_keep_to_the_slower_of_the_shared_and_the_own_limit(make_run: Any) -> None:
    """A block of ten each 2 s under an own limit of twenty a second, and the other way round."""
    slow_quota = make_run(shared=CountedQuota(takes_s=2), requests_per_minute=1200, concurrency=64)
    slow_quota.ask(100)
    assert slow_quota.provider.times[-1] >= 20
    slow_own = make_run(shared=CountedQuota(), requests_per_minute=60, concurrency=64)
    slow_own.ask(10)
    assert slow_own.provider.times[-1] >= 9


def test_calls_of_one_block_are_spaced_evenly(make_run: Any) -> None:
    run = make_run(shared=CountedQuota(), requests_per_minute=1200, concurrency=64)
    run.ask(100)
    later = run.provider.times[20:]  # the first call goes alone, and what it held up is made up for
    assert later == pytest.approx([later[0] + n / 20 / 0.985 for n in range(80)])


def test_a_lost_quota_stops_the_run_and_keeps_what_arrived(make_run: Any) -> None:
    run = make_run(shared=CountedQuota(lasts=2), requests_per_minute=1200, concurrency=4)
    outcome = run.ask(100)
    assert outcome.stopped.kind == "provider"
    assert outcome.stopped.why == "the shared quota is lost"
    assert "when the Prefect server answers" in outcome.stopped.go_on
    assert outcome.answered == outcome.calls == 20 == len(run.kept.answers)


def test_a_lost_quota_sets_no_money_aside(make_run: Any) -> None:
    run = make_run(shared=CountedQuota(lasts=0))
    outcome = run.ask(3)
    assert (outcome.calls, run.provider.times, outcome.spent.calls, run.kept.charged) == (0, [], 0, [])


def test_who_waits_for_a_slot_is_woken_when_the_run_is_stopped(make_run: Any, answer: Any) -> None:
    """By an answer that cannot be stored: the others had waited an hour for the quota."""
    run = make_run(shared=CountedQuota(takes_s=3600), requests_per_minute=60, concurrency=2)
    run.kept.keep = _full_disk
    outcome = run.ask(5)
    assert outcome.stopped.kind == "store"
    assert run.time.now() == pytest.approx(3601)  # one block, one call


def _full_disk(*_: Any) -> None:
    raise OSError("no space left")
