"""Batches through an encoder: decoded ahead, halved where memory runs out, refused where a number is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch.nn import functional as F  # noqa: N812

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Encoder, Frames, Live
from tasks.encoders.batches import AudioFile
from tasks.encoders.memory import Memory, is_out_of_memory, memory_of
from tasks.encoders.waves import Wave, decoded_ahead, wave_of

LiveOf = Callable[[list[AudioFile]], Live]
Part = tuple[list[AudioFile], Frames]


def hear_batches(
    encoder: Encoder, batches: Iterable[list[AudioFile]], *, frames: bool = False, live: LiveOf | None = None
) -> Iterator[Part]:
    """What the encoder makes of each batch, on its device, without gradients.

    Each part that comes back is a batch, or some of its clips in order where memory does not hold all of it. With
    `live` (asked for each batch) N clips give N * K rows, as `Live` says.

    Raises:
        CheckpointError: A number that is not finite, or no memory for one clip in one draw.
        ClipsError: A recording that can no longer be read.
    """
    for batch, waves in decoded_ahead(batches):
        yield from hear_parts(encoder, batch, waves, frames=frames, live=live(batch) if live else None)


def hear_parts(
    encoder: Encoder, files: Sequence[AudioFile], waves: Sequence[Wave], *, frames: bool, live: Live | None
) -> Iterator[Part]:
    """One batch, in as few parts as memory allows. Raises as `hear_batches`."""
    memory, draws, at = memory_of(encoder), len(live.draws) if live else 1, 0
    while at < len(files):
        longest_s = _longest_s(files[at:])
        clips = slice(at, at + min(memory.rows(longest_s * draws), len(files) - at))
        part = list(files[clips])
        some = replace(live, keys_N=live.keys_N[clips]) if live else None
        heard = _fitting(encoder, memory, part, list(waves[clips]), frames, some)
        if heard is not None:
            check_finite(heard, part)
            yield part, heard
            at = clips.stop


def hear_anew(
    encoder: Encoder, files: Sequence[AudioFile], *, frames: bool, live: Live | None, gradients: bool
) -> Frames:
    """One batch as a whole. Raises as `hear_batches`.

    With gradients nothing is heard in parts: what ran out of memory would do so in the backward pass.
    """
    waves = [wave_of(file) for file in files]
    if not gradients:
        return together([heard for _, heard in hear_parts(encoder, files, waves, frames=frames, live=live)])
    heard = encoder.hear(waves, frames=frames, live=live)
    check_finite(heard, files)
    return heard


def check_finite(heard: Frames, files: Sequence[AudioFile]) -> None:
    """Raises CheckpointError where a number is not finite, with the recording's name."""
    finite_N = heard.values_BLTD.isfinite().reshape(len(files), -1).all(dim=1).tolist()
    bad = [file.path for file, finite in zip(files, finite_N, strict=True) if not finite]
    if bad:
        raise CheckpointError(
            f"{bad[0]}: the encoder gives numbers that are not finite ({len(bad)} of {len(files)} clips). Its weights "
            "are damaged, or it does not bear half precision; what was computed before is kept."
        )
    for other in heard.beside:
        check_finite(other, files)


def _fitting(
    encoder: Encoder, memory: Memory, files: list[AudioFile], waves: list[Wave], frames: bool, live: Live | None
) -> Frames | None:
    """None where memory ran out; it is remembered that less fits."""
    longest_s, draws = _longest_s(files), len(live.draws) if live else 1
    at_once = draws if len(files) > 1 else min(draws, memory.rows(longest_s))
    try:
        with torch.inference_mode():
            return _heard(encoder, waves, frames, live, at_once)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Not in the block above: there the error still holds on to what the failed call had made.
    rows = len(files) * at_once
    if rows == 1:
        raise CheckpointError(
            f"{files[0].path}: there is not enough memory for this clip alone ({longest_s:.1f} s). Take `device: cpu`, "
            "or leave such clips out with `clips.max_duration_s`; what was computed before is kept."
        )
    memory.halve(rows, longest_s)
    return None


def _heard(encoder: Encoder, waves: list[Wave], frames: bool, live: Live | None, at_once: int) -> Frames:
    """With draws, so many of them in one call."""
    if live is None:
        return encoder.hear(waves, frames=frames)
    starts = range(0, len(live.draws), at_once)
    calls = [replace(live, draws=live.draws[k : k + at_once]) for k in starts]
    parts = [encoder.hear(waves, frames=frames, live=call) for call in calls]
    return parts[0] if len(parts) == 1 else together(parts)


def together(parts: Sequence[Frames]) -> Frames:
    """Parts as one batch, in tensors of the caller's mode: on those of inference mode nothing could be trained."""
    beside = tuple(together(others) for others in zip(*(part.beside for part in parts), strict=True))
    n_frames_B = torch.cat([part.n_frames_B for part in parts])
    longest = max(part.values_BLTD.shape[2] for part in parts)
    padded = [F.pad(part.values_BLTD, (0, 0, 0, longest - part.values_BLTD.shape[2])) for part in parts]
    return Frames(torch.cat(padded), n_frames_B, beside)


def _longest_s(files: Sequence[AudioFile]) -> float:
    return max(file.duration_s for file in files)
