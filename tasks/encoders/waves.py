"""Recordings decoded ahead of the encoder, in threads of their own."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import soundfile
from numpy.typing import NDArray

from tasks.contracts.errors import ClipsError
from tasks.encoders.batches import AudioFile
from tasks.storage.audio import read_audio

Wave = NDArray[np.float32]

_WORKERS = 2
_BATCHES_AHEAD = 2  # at 240 s each some 15 MB; more would not make the encoder wait less


def wave_of(file: AudioFile) -> Wave:
    """16 kHz mono samples of the recording.

    Raises:
        ClipsError: The file is gone, is no audio, or holds another recording than when it was indexed.
    """
    try:
        content = file.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != file.sha256:  # its features would be kept under another's key
            raise ClipsError(f"{file.path}: has changed since it was indexed. Run again.")
        return read_audio(content)
    except (OSError, soundfile.LibsndfileError, ValueError) as error:
        raise ClipsError(
            f"{file.path}: cannot be read any more ({error}). Run again: clips are indexed anew."
        ) from error


def decoded_ahead(
    batches: Iterable[list[AudioFile]], decode: Callable[[AudioFile], Wave] = wave_of
) -> Iterator[tuple[list[AudioFile], list[Wave]]]:
    """Each batch with its waves, in order, while the next ones are being read.

    Raises:
        ClipsError: As `wave_of`, when the batch's turn has come.
    """
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="decode")
    waiting: deque[tuple[list[AudioFile], list[Future[Wave]]]] = deque()
    coming = iter(batches)
    try:
        while True:
            for batch in itertools.islice(coming, 1 + _BATCHES_AHEAD - len(waiting)):
                waiting.append((batch, [pool.submit(decode, file) for file in batch]))
            if not waiting:
                return
            batch, waves = waiting.popleft()
            yield batch, [wave.result() for wave in waves]
    finally:
        pool.shutdown(cancel_futures=True)
