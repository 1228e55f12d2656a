"""What one pass through an encoder leaves of each layer, and how the passes of a batch are put together again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch

from tasks.encoders.base import Frames
from tasks.encoders.windows import Piece, Row


class Heard:
    """Takes the layers of one pass as they come: their frames, or only the sums over time, float32."""

    def __init__(self, rows: Sequence[Row], device: torch.device, *, frames: bool) -> None:
        counted_R = torch.tensor([row.piece.counted for row in rows])
        steps_T = torch.arange(max(row.piece.length for row in rows))
        self._counts_RT = (steps_T < counted_R[:, None]).float().to(device)
        self._longest, self._frames = int(counted_R.max()), frames
        self._layers: list[torch.Tensor] = []

    def __call__(self, hidden_RTD: torch.Tensor) -> None:
        with torch.autocast(hidden_RTD.device.type, enabled=False):
            if self._frames:
                kept_RTD = hidden_RTD[:, : self._longest].float()
                self._layers.append(kept_RTD * self._counts_RT[:, : self._longest, None])
            else:  # as a matrix product, so that no second copy of the frames is made
                self._layers.append((self._counts_RT[:, None] @ hidden_RTD.float())[:, 0])

    def layers(self) -> torch.Tensor:
        """Shape (R, L, T, D), zeros after each row's last frame; or (R, L, D)."""
        return torch.stack(self._layers, dim=1)


def join_means(passes: Sequence[torch.Tensor], pieces: Sequence[Piece], draws: int) -> Frames:
    """Sums over time of all rows, windows in order and within each its draws → means of clips and draws."""
    sums_RLD = torch.cat(list(passes))
    means, at = [], 0
    for _, windows in groupby(pieces, key=lambda piece: piece.clip):
        counted = [piece.counted for piece in windows]
        rows_WKLD = sums_RLD[at : at + len(counted) * draws].unflatten(0, (len(counted), draws))
        means.append(rows_WKLD.sum(dim=0) / sum(counted))
        at += len(counted) * draws
    return Frames.of_means(torch.cat(means))


def join_frames(passes: Sequence[torch.Tensor], pieces: Sequence[Piece], draws: int) -> Frames:
    """The frames of all rows → those of clips and draws: a long clip's windows one after another."""
    counts = [sum(p.counted for p in windows) for _, windows in groupby(pieces, key=lambda piece: piece.clip)]
    counts_B = torch.tensor(counts, device=passes[0].device).repeat_interleave(draws)
    if len(passes) == 1 and len(counts) == len(pieces):
        return Frames(passes[0], counts_B)
    _, n_layers, _, dim = passes[0].shape
    joined_BLTD = passes[0].new_zeros(len(counts_B), n_layers, max(counts), dim)
    rows = (row_LTD for pass_RLTD in passes for row_LTD in pass_RLTD)
    starts = [0] * len(counts)
    for piece in pieces:
        start, end = starts[piece.clip], starts[piece.clip] + piece.counted
        for draw in range(draws):
            joined_BLTD[piece.clip * draws + draw, :, start:end] = next(rows)[:, : piece.counted]
        starts[piece.clip] = end
    return Frames(joined_BLTD, counts_B)
