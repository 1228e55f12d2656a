"""What is said in clips, as features: one row per text, read once and kept, however many clips say it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.contracts.errors import CheckpointError
from tasks.contracts.progress import progress_bar
from tasks.encoders.base import Frames
from tasks.encoders.batches import AudioFile
from tasks.encoders.text import TextSettings, text_key, words_of
from tasks.storage.features import FeatureStore

if TYPE_CHECKING:
    from tasks.encoders.text_encoder import TextEncoder

_SHARD_TEXTS = 512  # what is lost at most when the process is killed


class TextFeatures:
    """Keeps `Features`: a clip without a transcript has 0 frames, and zeros.

    Args:
        store: Of the text encoder; holds each of the texts.
        keys: Of the clips' texts; None where nothing is said.
        shape: Layers and features.
    """

    def __init__(self, store: FeatureStore, keys: Sequence[str | None], shape: tuple[int, int]) -> None:
        store.check([key for key in keys if key is not None])
        self._store, self._keys = store, list(keys)
        self.n_layers, self.dim = shape

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`: time means."""
        import torch

        keys = [self._keys[row] for row in rows_B]
        said = [place for place, key in enumerate(keys) if key is not None]
        values_BLTD = np.zeros((len(keys), self.n_layers, 1, self.dim), np.float32)
        n_frames_B = np.zeros(len(keys), np.int64)
        if said:
            values_BLTD[said], n_frames_B[said] = self._store.rows([key for key in keys if key is not None])
        return Frames(torch.from_numpy(values_BLTD), torch.from_numpy(n_frames_B))


def text_features_of(
    files: Sequence[AudioFile], settings: TextSettings, store: FeatureStore, device: str
) -> TextFeatures:
    """Of the files' transcripts, in their order. The encoder is loaded only if a text is not stored yet."""
    found = [words_of(file.transcript) for file in files]
    words = {text_key(each): each for each in found if each is not None}
    known = store.known()
    if missing := {key: words[key] for key in sorted(words.keys() - known)}:
        _read(settings.build(device), missing, store, settings)
    keys = [None if each is None else text_key(each) for each in found]
    return TextFeatures(store, keys, (store.n_layers, store.dim) if store.n_layers else _shape(settings))


def _read(encoder: TextEncoder, missing: dict[str, str], store: FeatureStore, settings: TextSettings) -> None:
    keys, cut = list(missing), 0
    with progress_bar("reading transcripts", len(keys), "texts") as bar:
        for at in range(0, len(keys), _SHARD_TEXTS):
            some = keys[at : at + _SHARD_TEXTS]
            rows_NLD, too_long = encoder.read([missing[key] for key in some])
            if not np.isfinite(rows_NLD).all():
                raise CheckpointError(
                    f"{settings.model}: the text encoder gives numbers that are not finite. Its weights are damaged; "
                    "what was read before is kept."
                )
            store.add(some, rows_NLD)
            cut += too_long
            bar.update(len(some))
    if cut:
        print(
            f"  {cut:,} of {len(keys):,} transcripts are longer than the {encoder.most_tokens} tokens that "
            f"{Path(settings.model).name} reads: the rest of each is left out",
            file=sys.stderr,
        )


def _shape(settings: TextSettings) -> tuple[int, int]:
    """As its config says: nothing has been read yet, and no clip here has a transcript."""
    from tasks.encoders.text_encoder import read_text_config, shape_of

    return shape_of(read_text_config(settings))
