"""Questions that get no answer, and which of them end a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tasks.asking.job import Job, Outcome, Stop
from tasks.asking.provider import DailyQuotaError, NoCreditError, NotSentError, QuestionRejectedError, TryAgainError
from tasks.asking.shared_quota import SharedQuotaLostError
from tasks.asking.waits import LONGEST_WAIT_S

# This many questions given up in a row, with no answer between them: the provider is out.
_OUT_AFTER = 20


class StoppedError(Exception):
    """The run was stopped while a question waited for its turn."""


_NO_SHARED_QUOTA = "Run the same command again when the Prefect server answers and the limit is there."
_MAKE_ROOM = "Make room on that disk; then the same command asks for the rest."
_NO_CREDIT = "See its credit and limits, then run the same command again."
GIVEN_UP = (StoppedError, SharedQuotaLostError, DailyQuotaError, QuestionRejectedError, TryAgainError)


class Endings:
    """Keeps count, and says when it is enough: `stopped` wakes everyone who waits."""

    def __init__(self, outcome: Outcome, renewed: Callable[[], str]) -> None:
        self.stopped = asyncio.Event()
        self._outcome = outcome
        self._renewed = renewed
        self._given_up_in_a_row = 0
        self._rejections = 0

    def stop(self, stop: Stop) -> None:
        """Nothing more is asked; the first reason is the one that is told."""
        self._outcome.stopped = self._outcome.stopped or stop
        self.stopped.set()

    def answered(self) -> None:
        """The provider is there."""
        self._given_up_in_a_row = 0

    def give_up(self, job: Job, error: Exception) -> None:
        """A question got no answer, for one of the reasons in `GIVEN_UP`."""
        why = "not asked: the run was stopped" if isinstance(error, StoppedError) else str(error)
        self._outcome.failed |= dict.fromkeys(job.keys, why)
        if isinstance(error, SharedQuotaLostError):
            self.stop(Stop(str(error), "provider", _NO_SHARED_QUOTA))
        elif isinstance(error, NoCreditError):
            self.stop(Stop(f"the account has nothing left to spend ({error})", "quota", _NO_CREDIT))
        elif isinstance(error, DailyQuotaError):
            self.stop(Stop(f"the daily quota is used up ({error})", "quota", self._renewed()))
        elif isinstance(error, QuestionRejectedError):
            self._rejected(error)
        elif isinstance(error, TryAgainError):
            self._unanswered(error)

    def not_stored(self, what: str, error: Exception) -> None:
        """The disk is full, or fails: what is paid from here on could be lost."""
        self.stop(Stop(f"{what} could not be stored: {error}", "store", _MAKE_ROOM))

    def _rejected(self, error: QuestionRejectedError) -> None:
        self._rejections += not isinstance(error, NotSentError)
        if error.for_all:
            self.stop(Stop(str(error), "provider"))
        elif not self._outcome.answered and self._rejections >= _OUT_AFTER:
            self.stop(Stop(f"the first {_OUT_AFTER} questions were all rejected, the last: {error}", "provider"))

    def _unanswered(self, error: TryAgainError) -> None:
        self._given_up_in_a_row += 1
        if error.limited and (error.wait_s or 0) > LONGEST_WAIT_S:
            wait = f"the provider asks to wait {(error.wait_s or 0) / 60:.0f} minutes ({error})"
            self.stop(Stop(wait, "quota", "Run the same command after that."))
        elif self._given_up_in_a_row >= _OUT_AFTER:
            told = f"the provider is out: {_OUT_AFTER} questions in a row got no answer, the last: {error}"
            self.stop(Stop(told, "provider"))
