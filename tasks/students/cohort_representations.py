"""Features of clips → what a cohort's members may hear of them, without a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.encoders.features import Features, Part
from tasks.networks.statistics import Statistics, statistics_of
from tasks.students.base import TrainingData
from tasks.students.cohorts.members import Modality, Representation
from tasks.students.faults import Checked

_CHUNK_CLIPS = 32  # where frames are kept, not means, each clip is some megabytes
_THIRDS = ("early", "middle", "late")
_SIZES = (16, 64)  # of latents of what has one layer
_SIZE_BESIDE = (16,)
# Of the clips that must have what a modality is made of: chosen by fewer, members that say nothing get a voice.
_LEAST_SHARE = 0.1
_REMEDIES = {
    "student.kind": "The classifier's encoder has it as a further part: take another kind",
    "student.representations": "Take it out",
}


class Beside:
    """One of the representations that lie beside what a head hears. Keeps `Features`."""

    def __init__(self, whole: Features, place: int) -> None:
        self._whole, self._place = whole, place
        first = self.rows([0]).values_BLTD
        self.n_layers, self.dim = first.shape[1], first.shape[3]

    def __len__(self) -> int:
        return len(self._whole)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        return self._whole.rows(rows_B).beside[self._place]


def modalities_of(data: TrainingData, train_R: torch.Tensor, kinds: Sequence[str]) -> list[Modality]:
    """What the classifier hears, what lies beside that, and the trainer's further representations.

    Each raw: the mean over the layers, each standardised over these clips. Latent representations: the mean of the
    early, the middle and the late third of the layers, where there are several; principal components of the raw one
    else.

    Args:
        data: The target's clips.
        train_R: The components are found on these.
        kinds: Of the further representations.

    Raises:
        TrainingError: Less than a tenth of the clips to learn from, or to choose by, have what one of them is made of.
    """
    own = Checked(data.still, data.names)
    n_beside = len(data.still.rows([0]).beside)
    others = [*(Beside(own, place) for place in range(n_beside)), *data.others]
    named = [*(f"beside {place + 1}" for place in range(n_beside)), *kinds]
    settings = ["student.kind"] * n_beside + ["student.representations"] * len(kinds)
    found = [_modality("classifier", own, train_R, of_layers=True)]
    for name, features, setting in zip(_distinct(named), others, settings, strict=True):
        found.append(_modality(name, Checked(features, data.names), train_R, setting))
    return found


def _modality(
    name: str, features: Features, train_R: torch.Tensor, setting: str = "student.kind", *, of_layers: bool = False
) -> Modality:
    """`setting`: what asks for it."""
    present_N = torch.cat([heard.n_frames_B > 0 for heard in _chunks(features)])
    train_N = torch.zeros(len(features), dtype=torch.bool)
    train_N[train_R] = True
    for part_N, what in ((train_N, "learn from"), (~train_N, "choose by")):
        have, n = int((present_N & part_N).sum()), int(part_N.sum())
        if have < max(1, _LEAST_SHARE * n):
            raise TrainingError(
                f"{setting}: {have} of {n} clips to {what} have what {name} is made of. Expected a tenth at least: "
                f"members are compared by their losses. {_REMEDIES[setting]}, or give more clips a transcript in the "
                "manifest."
            )
    statistics = statistics_of(Part(features, present_N.nonzero()[:, 0].tolist()))
    groups = [range(features.n_layers), *(_thirds(features.n_layers) if of_layers else [])]
    raw_ND, *latents = _means(features, statistics, groups)
    found = [Representation("raw", raw_ND)]
    found += [Representation(third, values_ND) for third, values_ND in zip(_THIRDS, latents, strict=False)]
    if not latents:
        sizes = _SIZES if of_layers else _SIZE_BESIDE
        found += _components(raw_ND, (present_N & train_N).nonzero()[:, 0], sizes)
    return Modality(name, found, None if present_N.all() else present_N)


def _thirds(n_layers: int) -> list[range]:
    """Nothing of one layer; of two, two.

    >>> _thirds(13), _thirds(1)
    ([range(0, 4), range(4, 8), range(8, 13)], [])
    """
    if n_layers == 1:
        return []
    parts = min(len(_THIRDS), n_layers)
    return [range(n_layers * part // parts, n_layers * (part + 1) // parts) for part in range(parts)]


def _means(features: Features, statistics: Statistics, groups: Sequence[range]) -> list[torch.Tensor]:
    """Of each group of layers the mean of the standardised, shape (N, D)."""
    parts: list[list[torch.Tensor]] = [[] for _ in groups]
    for heard in _chunks(features):
        standard_BLD = (heard.means_BLD() - statistics.mean_LD) / statistics.std_LD
        for part, group in zip(parts, groups, strict=True):
            part.append(standard_BLD[:, group.start : group.stop].mean(dim=1))
    return [torch.cat(part) for part in parts]


def _components(raw_ND: torch.Tensor, rows_R: torch.Tensor, sizes: Sequence[int]) -> list[Representation]:
    """The first principal components, their mean variance 1, each with its largest loading positive."""
    fitted_RD = raw_ND[rows_R].double()
    centre_D = fitted_RD.mean(dim=0)
    covariance_DD = (fitted_RD - centre_D).T @ (fitted_RD - centre_D) / len(rows_R)
    variances_D, axes_DE = torch.linalg.eigh(covariance_DD)
    variances_E, axes_DE = variances_D.flip(0), axes_DE.flip(1)
    largest_E = axes_DE.abs().argmax(dim=0)
    axes_DE = axes_DE * axes_DE.gather(0, largest_E[None]).sign()
    found = []
    for size in sizes:
        if size >= min(raw_ND.shape[1], len(rows_R)):
            continue  # as many numbers as before, or as there are clips: nothing new
        scale = variances_E[:size].mean().clamp(min=1e-12).sqrt()
        values_NE = (raw_ND.double() - centre_D) @ axes_DE[:, :size] / scale
        found.append(Representation(f"{size} components", values_NE.float()))
    return found


def _chunks(features: Features) -> Iterator[Frames]:
    for at in range(0, len(features), _CHUNK_CLIPS):
        yield features.rows(range(at, min(at + _CHUNK_CLIPS, len(features)))).to("cpu")


def _distinct(names: Sequence[str]) -> list[str]:
    """Of several of one kind the second is told apart.

    >>> _distinct(["text", "logmel", "text"])
    ['text', 'logmel', 'text 2']
    """
    counts = [names[: n + 1].count(name) for n, name in enumerate(names)]
    return [name if count == 1 else f"{name} {count}" for name, count in zip(names, counts, strict=True)]
