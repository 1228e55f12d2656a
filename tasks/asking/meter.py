"""What a call can take before it is sent, and what it took when its answers are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from tasks.asking.job import Job
from tasks.asking.money import Price
from tasks.asking.provider import Answer
from tasks.storage.answers import Spent, StoredAnswer


class Meter:
    """Estimates tokens, and learns from the usage that comes back. Without a price dollars are 0."""

    def __init__(self, price: Price | None) -> None:
        self._price = price
        # The most that came back per token, or dollar, that was estimated. Dollars too: a provider that does not say
        # which input was audio is booked at the dearer price.
        self._most_tokens = self._most_usd = self._most_output = 1.0

    def input_tokens(self, job: Job) -> float:
        """Of one call, about."""
        return job.input_tokens * self._most_tokens

    def most(self, job: Job) -> Spent:
        """What a call can take."""
        output = job.output_tokens * len(job.keys) * self._most_output
        usd = self._input_usd(job) * self._most_usd + (self._price.estimate(0, 0, output) if self._price else 0.0)
        return Spent(calls=1, tokens=ceil(self.input_tokens(job) + output), usd=usd)

    def took(self, job: Job, answers: list[Answer]) -> list[Spent]:
        """What each answer of one call took; the call itself is counted with the first."""
        self._learn(job, answers)
        if not all(map(_is_known, answers)):  # no usage came back: a ceiling holds only if all of it is counted
            most = self.most(job)
            return [replace(most, unconfirmed_usd=most.usd), *[Spent()] * (len(answers) - 1)]
        return [self._of(answer, calls=1 if n == 0 else 0) for n, answer in enumerate(answers)]

    def _learn(self, job: Job, answers: list[Answer]) -> None:
        sent = sum(answer.input_tokens or 0 for answer in answers)
        self._most_tokens = max(self._most_tokens, sent / max(job.input_tokens, 1))
        for answer in answers:
            self._most_output = max(self._most_output, (answer.output_tokens or 0) / max(job.output_tokens, 1))
        if self._price and (expected_usd := self._input_usd(job)):
            usd = sum(self._price.of(replace(answer, output_tokens=0)) for answer in answers)
            self._most_usd = max(self._most_usd, usd / expected_usd)

    def _input_usd(self, job: Job) -> float:
        return self._price.estimate(job.audio_tokens, job.text_tokens, 0) if self._price else 0.0

    def stored(self, answer: Answer, latency_s: float) -> StoredAnswer:
        """The answer as it is kept."""
        return StoredAnswer(
            **vars(answer),
            cost_usd=self.usd(answer) if self._price and _is_known(answer) else None,
            latency_s=round(latency_s, 4),
            answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def in_batch(self, answer: Answer, most_usd: float) -> Spent:
        """What an answer of a batch job took: dollars alone, since a provider counts batches apart from calls."""
        if not _is_known(answer):
            return Spent(usd=most_usd, unconfirmed_usd=most_usd)
        return Spent(usd=self.usd(answer))

    def usd(self, answer: Answer) -> float:
        """What an answer cost."""
        return self._price.of(answer) if self._price else 0.0

    def _of(self, answer: Answer, calls: int) -> Spent:
        return Spent(calls, (answer.input_tokens or 0) + (answer.output_tokens or 0), self.usd(answer))


def _is_known(answer: Answer) -> bool:
    """Whether the provider told what it took."""
    return answer.input_tokens is not None and answer.output_tokens is not None
