"""What a call can take before it is sent, and what it took when its answers are there."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.asking.job import Job
from tasks.asking.money import Price
from tasks.asking.provider import Answer
from tasks.storage.answers import Spent, StoredAnswer


class Meter:
    """Estimates tokens, and learns from the usage that comes back. Without a price dollars are 0."""

    def __init__(self, price: Price | None) -> None:
        self._price = price
        self._dearest = 1.0  # the most input tokens that came back per token that was estimated

    def input_tokens(self, job: Job) -> float:
        """Of one call, about."""
        return job.input_tokens * self._dearest

    def most(self, job: Job) -> Spent:
        """What a call can take."""
        audio, text = job.audio_tokens * self._dearest, job.text_tokens * self._dearest
        output = job.output_tokens * len(job.keys)
        usd = self._price.estimate(audio, text, output) if self._price else 0.0
        return Spent(calls=1, tokens=round(audio + text + output), usd=usd)

    def took(self, job: Job, answers: list[Answer]) -> list[Spent]:
        """What each answer of one call took; the call itself is counted with the first."""
        sent = sum(answer.input_tokens or 0 for answer in answers)
        self._dearest = max(self._dearest, sent / max(job.input_tokens, 1))
        return [self._of(answer, calls=1 if n == 0 else 0) for n, answer in enumerate(answers)]

    def stored(self, answer: Answer, latency_s: float) -> StoredAnswer:
        """The answer as it is kept."""
        return StoredAnswer(
            **vars(answer),
            cost_usd=self._price.of(answer) if self._price else None,
            latency_s=round(latency_s, 4),
            answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def usd(self, answer: Answer) -> float:
        """What an answer cost."""
        return self._price.of(answer) if self._price else 0.0

    def _of(self, answer: Answer, calls: int) -> Spent:
        return Spent(calls, (answer.input_tokens or 0) + (answer.output_tokens or 0), self.usd(answer))
