"""What heads hear of audio files: kept on disk, computed once per audio content, or heard anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from tasks.contracts.progress import audio_progress_bar
from tasks.encoders import RepresentationSettings
from tasks.encoders.base import Encoder, Frames, Live
from tasks.encoders.batches import AudioFile as AudioFile  # all who want features name their files so
from tasks.encoders.batches import plan_batches
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.joined_features import JoinedFeatures
from tasks.encoders.storing import feature_store as feature_store
from tasks.encoders.storing import store_batches as store_batches
from tasks.encoders.text import TextSettings
from tasks.encoders.text_features import text_features_of
from tasks.storage.features import FeatureStore

if TYPE_CHECKING:
    import torch


class Features(Protocol):
    """What a head hears of N clips, wherever it is kept: in memory, on disk, or heard anew when asked for."""

    n_layers: int
    dim: int

    def __len__(self) -> int: ...

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """The clips at these places, on the CPU where they are stored."""
        ...


class Means:
    """Time means in memory, shape (N, L, D)."""

    def __init__(self, means_NLD: torch.Tensor) -> None:
        self._means_NLD = means_NLD
        _, self.n_layers, self.dim = means_NLD.shape

    def __len__(self) -> int:
        return len(self._means_NLD)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        return Frames.of_means(self._means_NLD[list(rows_B)])


class Part:
    """Some of the clips, in another order or not."""

    def __init__(self, whole: Features, places: Sequence[int]) -> None:
        self._whole, self._places = whole, list(places)
        self.n_layers, self.dim = whole.n_layers, whole.dim

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        return self._whole.rows([self._places[row] for row in rows_B])


class StoredFeatures:
    """On disk: a row is in memory only while somebody uses it.

    Raises:
        KeyError: Some of the audio is not stored.
    """

    def __init__(self, store: FeatureStore, sha256s: Sequence[str]) -> None:
        store.check(sha256s)
        self._store, self._sha256s = store, list(sha256s)
        self.n_layers, self.dim = store.n_layers, store.dim

    def __len__(self) -> int:
        return len(self._sha256s)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        import torch

        values_BLTD, n_frames_B = self._store.rows([self._sha256s[row] for row in rows_B])
        return Frames(torch.from_numpy(values_BLTD), torch.from_numpy(n_frames_B))


class HeardFeatures:
    """Nowhere: the encoder runs at each call.

    Args:
        files: The clips.
        encoder: What hears them.
        frames: All frames rather than time means.
        gradients: They flow to what of the encoder is thawed.
    """

    def __init__(
        self, files: Sequence[AudioFile], encoder: Encoder, *, frames: bool = True, gradients: bool = True
    ) -> None:
        self._files, self._encoder, self._frames, self._gradients = list(files), encoder, frames, gradients
        self.n_layers, self.dim = encoder.n_layers, encoder.dim

    def __len__(self) -> int:
        return len(self._files)

    def rows(self, rows_B: Sequence[int], live: Live | None = None) -> Frames:
        """The clips at these places, on the encoder's device; with `live` each as K rows.

        Raises:
            CheckpointError: A number that is not finite; without gradients, no memory for one clip in one draw.
            ClipsError: A recording that can no longer be read.
        """
        from tasks.encoders.hearing import hear_anew

        files = [self._files[row] for row in rows_B]
        return hear_anew(self._encoder, files, frames=self._frames, live=live, gradients=self._gradients)


def features_of(
    files: Sequence[AudioFile],
    encoder: RepresentationSettings,
    features_folder: Path,
    *,
    frames: Literal["store", "recompute"] | None = None,
    batch_seconds: float = 240,
    device: str = "auto",
) -> Features:
    """What the files' heads hear. The encoder is loaded only if something is not stored yet.

    Args:
        files: The clips, in the order of the features.
        encoder: The encoder's settings; of joined ones each part's features are kept as if it were alone.
        features_folder: Where all encoders' features are kept.
        frames: None for time means. `store` keeps all frames on disk (some megabytes per minute and layer),
            `recompute` keeps nothing and runs the encoder each time. Of joined ones the first part's.
        batch_seconds: See `plan_batches`.
        device: See `pick_device`.
    """
    if isinstance(encoder, JoinedSettings):
        kept = [frames, *(None for _ in encoder.parts[1:])]
        return JoinedFeatures(
            [
                features_of(files, part, features_folder, frames=how, batch_seconds=batch_seconds, device=device)
                for part, how in zip(encoder.parts, kept, strict=True)
            ]
        )
    if isinstance(encoder, TextSettings):
        return text_features_of(files, encoder, feature_store(encoder, features_folder), device)
    if frames == "recompute":
        return HeardFeatures(files, encoder.build(device), gradients=False)
    store = feature_store(encoder, features_folder, frames=frames == "store")
    if batches := plan_batches(files, store.known(), batch_seconds):
        built = encoder.build(device)
        with audio_progress_bar(f"features ({encoder.kind})", sum(map(len, batches))) as bar:
            store_batches(
                built, batches, store, frames=frames == "store", told=lambda done: bar.heard(len(done), _seconds(done))
            )
    return StoredFeatures(store, [file.sha256 for file in files])


def _seconds(files: Sequence[AudioFile]) -> float:
    return sum(file.duration_s for file in files)
