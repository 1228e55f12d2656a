"""How much audio an encoder can hear at once: found out when memory runs out, and remembered."""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

import torch

from tasks.encoders.base import Encoder

# The CPU's allocator, cuBLAS and cuDNN have no class of their own for it.
_SAYS_NO_MEMORY = ("not enough memory", "can't allocate memory", "ALLOC_FAILED")
_SHORTEST_S = 0.01


class Memory:
    """What fits into one call: seconds of audio, that is rows (clips times draws) times the longest clip."""

    def __init__(self) -> None:
        self._limit_s = float("inf")

    def rows(self, seconds: float) -> int:
        """How many rows of so many seconds fit. At least one: nothing smaller can be tried."""
        return max(1, int(min(self._limit_s / max(seconds, _SHORTEST_S), sys.maxsize // 2)))

    def halve(self, rows: int, seconds: float) -> None:
        """So many rows did not fit. Said once: a run of thousands of batches then goes on with what fits."""
        if self._limit_s == float("inf"):
            print(
                f"  Out of memory with {rows} x {seconds:.1f} s of audio at once: going on with less. "
                "A smaller `batch_seconds` avoids this.",
                file=sys.stderr,
            )
        self._limit_s = rows * max(seconds, _SHORTEST_S) / 2
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()


_MEMORIES: WeakKeyDictionary[Encoder, Memory] = WeakKeyDictionary()


def memory_of(encoder: Encoder) -> Memory:
    """The same as long as the encoder lives: a run's shards do not run into the same wall one by one."""
    return _MEMORIES.setdefault(encoder, Memory())


def is_out_of_memory(error: Exception) -> bool:
    """Does the error say that memory ran out, of whichever device?"""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in _SAYS_NO_MEMORY)
