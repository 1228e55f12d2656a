"""What a cohort's members may hear of the clips."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.encoders.joined_features import JoinedFeatures
from tasks.students.base import TrainingData
from tasks.students.cohort_representations import modalities_of
from tests.students.conftest import data_of

TRAIN_R = torch.arange(0, 60, 2)


def clips(n_layers: int, dim: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 + 2 * torch.randn(60, n_layers, dim, generator=generator) @ torch.randn(dim, dim, generator=generator)


def target_of(means_NLD: torch.Tensor, **changed: Any) -> TrainingData:
    return data_of(60, features=Means(means_NLD), **changed)


def found_in(data: TrainingData, modality: int = 0, kinds: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    return {each.name: each.values_ND for each in modalities_of(data, TRAIN_R, kinds)[modality].representations}


def test_raw_is_the_mean_over_the_layers_of_what_these_clips_standardise() -> None:
    means = clips(3, 4).double().numpy()
    expected = ((means - means.mean(axis=0)) / means.std(axis=0)).mean(axis=1)
    np.testing.assert_allclose(found_in(target_of(clips(3, 4)))["raw"], expected, atol=1e-5)


def test_of_several_layers_the_latents_are_the_thirds() -> None:
    means = clips(7, 4).double().numpy()
    standard = (means - means.mean(axis=0)) / means.std(axis=0)
    found = found_in(target_of(clips(7, 4)))
    assert list(found) == ["raw", "early", "middle", "late"]
    np.testing.assert_allclose(found["middle"], standard[:, 2:4].mean(axis=1), atol=1e-5)


def test_of_one_layer_they_are_components_of_the_clips_that_are_learnt_from() -> None:
    found = found_in(target_of(clips(1, 20)))
    assert list(found) == ["raw", "16 components"]  # 64 would be more numbers than there were
    pca = PCA(16).fit(found["raw"][TRAIN_R].double())
    expected = pca.transform(found["raw"].double()) / np.sqrt(pca.explained_variance_.mean() * 29 / 30)
    np.testing.assert_allclose(np.abs(found["16 components"]), np.abs(expected), atol=1e-4)


def test_components_do_not_depend_on_the_clips_that_are_held_out() -> None:
    """But for the statistics, which are of all clips: here held-out clips are swapped among each other."""
    means = clips(1, 20)
    swapped = means.clone()
    swapped[1::2] = means[1::2].flip(0)
    one, other = (found_in(target_of(each))["16 components"] for each in (means, swapped))
    torch.testing.assert_close(one[TRAIN_R], other[TRAIN_R])


def test_another_representation_is_raw_and_one_latent() -> None:
    data = target_of(clips(2, 4), others=[Means(clips(3, 20, seed=1))])
    assert list(found_in(data, 1, ("logmel",))) == ["raw", "16 components"]


def test_what_lies_beside_the_classifiers_features_is_a_modality_of_its_own() -> None:
    joined = JoinedFeatures([Means(clips(2, 4)), Means(clips(1, 20, seed=1))])
    modalities = modalities_of(data_of(60, features=joined), TRAIN_R, [])
    assert [modality.name for modality in modalities] == ["classifier", "beside 1"]


def test_two_of_one_kind_have_two_names() -> None:
    others = [Means(clips(1, 4, seed)) for seed in (1, 2)]
    modalities = modalities_of(target_of(clips(2, 4), others=others), TRAIN_R, ["text", "text"])
    assert [modality.name for modality in modalities] == ["classifier", "text", "text 2"]


class Said(Means):
    """Every third clip has no transcript."""

    def rows(self, rows_B: Any) -> Frames:
        heard = super().rows(rows_B)
        said_B = torch.tensor([row % 3 > 0 for row in rows_B])
        return Frames(heard.values_BLTD * said_B[:, None, None, None], said_B.long())


@pytest.mark.parametrize("dim", [4, 20])
def test_clips_without_it_count_neither_for_statistics_nor_for_components(dim: int) -> None:
    means = clips(1, dim)
    data = target_of(clips(2, 4), others=[Said(means)])
    said_N = torch.arange(60) % 3 > 0
    [_, text] = modalities_of(data, TRAIN_R, ["text"])
    assert text.present_N is not None
    assert torch.equal(text.present_N, said_N)
    raw_ND = text.representations[0].values_ND[said_N]
    torch.testing.assert_close(raw_ND.std(dim=0, correction=0), torch.ones(dim))


def test_of_a_part_of_the_classifier_that_no_clip_has_it_is_not_said_to_take_it_out() -> None:
    class Silent(Means):
        def rows(self, rows_B: Any) -> Frames:
            return Frames(super().rows(rows_B).values_BLTD, torch.zeros(len(list(rows_B)), dtype=torch.long))

    joined = JoinedFeatures([Means(clips(2, 4)), Silent(clips(1, 4))])
    with pytest.raises(TrainingError, match=r"^student\.kind: 0 of \d+ clips to learn from have .*another kind"):
        modalities_of(data_of(60, features=joined), TRAIN_R, [])
