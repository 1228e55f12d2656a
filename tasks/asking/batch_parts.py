"""Cuts questions into jobs of the size that a provider takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.asking.job import Job
from tasks.asking.provider import BatchProvider, Question, QuestionRejectedError


def parts_of(
    jobs: Iterable[Job], provider: BatchProvider, failed: dict[str, str]
) -> Iterator[list[tuple[Job, Question]]]:
    """As many questions as one job may hold, read when their part's turn comes.

    Args:
        jobs: One draw each.
        provider: Whose limits they are.
        failed: Gets the keys of the questions that cannot be put, and why.
    """
    part: list[tuple[Job, Question]] = []
    size = 0
    for job in jobs:
        try:
            question = job.read(job.draws)
        except QuestionRejectedError as error:
            failed[job.keys[0]] = str(error)
            continue
        if part and (size + len(question.audio) > provider.most_bytes or len(part) >= provider.most_questions):
            yield part
            part, size = [], 0
        part.append((job, question))
        size += len(question.audio)
    if part:
        yield part
