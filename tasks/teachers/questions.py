"""What one call is sent: a clip's bytes as the provider takes them, or a text that stands in for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tasks.asking.job import Job
from tasks.asking.provider import NotSentError, Question
from tasks.storage.audio import MIME_TYPES, as_flac, read_audio
from tasks.teachers.text_proxy import describe
from tasks.teachers.wanted import Asking, Wanted

_SENT_AS_IT_IS_BYTES = 10_000_000  # a request may have 20 MB, and base64 adds a third


class Questions:
    """Reads each clip when its turn comes, so that memory does not grow with the corpus."""

    def __init__(self, asking: Asking, folder: Path) -> None:
        self._asking = asking
        self._folder = folder
        self._texts: dict[tuple[str, str | None], str] = {}  # a few hundred letters each
        self._last = ("", b"")  # the latest clip's sha256 and bytes

    def jobs(self, wanted: Sequence[Wanted], per_call: int = 1) -> Iterator[Job]:
        """One job per draw, or per up to `per_call` draws of one clip and prompt."""
        for _, of_clip in groupby(wanted, lambda want: want.sha256):
            yield from self._of_clip(list(of_clip), per_call)

    def _of_clip(self, wanted: list[Wanted], per_call: int) -> Iterator[Job]:
        for prompt in sorted({want.prompt for want in wanted}):
            draws = [want for want in wanted if want.prompt == prompt]
            for start in range(0, len(draws), per_call):
                yield self._job(draws[start : start + per_call])

    def _job(self, alike: list[Wanted]) -> Job:
        want = alike[0]

        def read(draws: tuple[int, ...]) -> Question:
            return self.question(want, draws)

        return Job(
            keys=tuple(each.key for each in alike),
            draws=tuple(each.draw for each in alike),
            read=read,
            audio_tokens=self._asking.audio_tokens(want),
            text_tokens=self._asking.text_tokens(want),
            output_tokens=self._asking.teacher.max_output_tokens,
        )

    def question(self, want: Wanted, draws: tuple[int, ...]) -> Question:
        """Raises NotSentError where the file cannot be read or is not the one that was indexed."""
        teacher, prompt = self._asking.teacher, self._asking.prompts[want.prompt]
        if teacher.hears == "text proxy":
            return Question(prompt, draws, text=self._text(want))
        audio, mime_type = self._bytes(want), MIME_TYPES.get(Path(want.path).suffix.lower())
        if mime_type is None or len(audio) > _SENT_AS_IT_IS_BYTES:
            return Question(prompt, draws, as_flac(read_audio(audio)), MIME_TYPES[".flac"])
        return Question(prompt, draws, audio, mime_type)

    def _text(self, want: Wanted) -> str:
        """Measured once per clip: its draws stand next to each other."""
        key = (want.sha256, want.transcript)
        if key not in self._texts:
            reads = self._asking.teacher.reads
            wave = read_audio(self._bytes(want)) if "prosody" in reads else None
            self._texts[key] = describe(reads, wave, want.transcript)
        return self._texts[key]

    def _bytes(self, want: Wanted) -> bytes:
        """Read and hashed once for draws that stand next to each other."""
        if self._last[0] != want.sha256:
            self._last = (want.sha256, self._read(want))
        return self._last[1]

    def _read(self, want: Wanted) -> bytes:
        path = self._folder / want.path
        try:
            audio = path.read_bytes()
        except OSError as error:
            raise NotSentError(f"{path.name}: cannot be read ({error.strerror})") from error
        if hashlib.sha256(audio).hexdigest() != want.sha256:  # its answer would be kept under another recording's key
            raise NotSentError(f"{path.name}: has changed since it was indexed; run again")
        return audio
