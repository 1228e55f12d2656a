import itertools
from collections.abc import Callable

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.maths.masks import draw_keys
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head, Masks
from tasks.networks.statistics import statistics_of


def logits_by_hand(head: Head, features_LD: NDArray[np.float64], masks: tuple[NDArray, NDArray]) -> NDArray[np.float64]:
    """One pass over one clip, written down as in the method, without torch and without batches."""
    weights = {name: tensor.detach().double().numpy() for name, tensor in head.state_dict().items()}
    share_L = np.exp(weights["layer_scores"]) / np.exp(weights["layer_scores"]).sum()
    pooled_D = np.zeros(features_LD.shape[1])
    for layer, share in enumerate(share_L):
        pooled_D += share * (features_LD[layer] - weights["mean_LD"][layer]) / weights["std_LD"][layer]
    hidden_H = np.maximum(0, weights["to_hidden.weight"] @ (pooled_D * masks[0]) + weights["to_hidden.bias"])
    return weights["to_logits.weight"] @ (hidden_H * masks[1]) + weights["to_logits.bias"]


def test_the_forward_pass_is_the_formula(head: Head) -> None:
    features_NLD = torch.randn(6, 3, 5)
    expected_NC = [logits_by_hand(head, row_LD, (np.ones(5), np.ones(7))) for row_LD in features_NLD.double().numpy()]
    np.testing.assert_allclose(head(Frames.of_means(features_NLD)).detach().numpy(), expected_NC, atol=1e-5)


def test_each_masked_pass_is_the_formula_with_its_own_masks(head: Head) -> None:
    features_NLD = torch.randn(4, 3, 5)
    masks = head.draw_masks(4, 6, torch.Generator().manual_seed(1))
    found_NKC = head(Frames.of_means(features_NLD), masks).detach().numpy()
    for n, k in itertools.product(range(4), range(6)):
        of_pass = (masks.pooled_NKD[n, k].double().numpy(), masks.hidden_NKH[n, k].double().numpy())
        expected_C = logits_by_hand(head, features_NLD[n].double().numpy(), of_pass)
        np.testing.assert_allclose(found_NKC[n, k], expected_C, atol=1e-5)


@hypothesis.settings(deadline=None)
@hypothesis.given(n=st.integers(1, 5), k=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_masks_of_ones_change_nothing(n: int, k: int, seed: int) -> None:
    torch.manual_seed(seed)
    head = Head(
        ClassifierConfig(
            classes=["a", "b"], encoder={"kind": "logmel"}, encoder_identity={}, n_layers=2, dim=3, hidden=4
        )
    )
    features_NLD = torch.randn(n, 2, 3)
    masked_NKC = head(Frames.of_means(features_NLD), Masks(torch.ones(n, k, 3), torch.ones(n, k, 4)))
    assert masked_NKC.shape == (n, k, 2)
    torch.testing.assert_close(masked_NKC, head(Frames.of_means(features_NLD))[:, None].expand(n, k, 2))


def test_the_mean_over_time_may_be_taken_before_the_weighted_sum_of_layers(head: Head) -> None:
    frames_NFLD = torch.randn(3, 40, 3, 5, dtype=torch.float64)
    share_L = head.layer_scores.detach().double().softmax(dim=0)
    standard_NFLD = (frames_NFLD - head.mean_LD) / head.std_LD
    sum_first_ND = torch.einsum("l,nfld->nfd", share_L, standard_NFLD).mean(dim=1)
    hidden = (sum_first_ND.float() @ head.to_hidden.weight.T + head.to_hidden.bias).relu()
    expected_NC = hidden @ head.to_logits.weight.T + head.to_logits.bias
    torch.testing.assert_close(
        head(Frames.of_means(frames_NFLD.mean(dim=1).float())), expected_NC, atol=1e-5, rtol=1e-5
    )


def test_dropout_before_the_last_layer_is_right_in_the_mean(config_of: Callable[..., ClassifierConfig]) -> None:
    """Over all 2^3 masks, each with its probability, the logits are those without dropout."""
    config = config_of(hidden=3)
    torch.manual_seed(3)
    head, features_NLD, keep = Head(config).double(), torch.randn(1, 3, 5, dtype=torch.float64), 1 - config.dropout
    mean_C = torch.zeros(4, dtype=torch.float64)
    for kept in itertools.product([0, 1], repeat=3):
        hidden_H = torch.tensor(kept, dtype=torch.float64) / keep
        chance = float(np.prod([keep if bit else 1 - keep for bit in kept]))
        masks = Masks(torch.ones(1, 1, 5, dtype=torch.float64), hidden_H.view(1, 1, 3))
        mean_C += chance * head(Frames.of_means(features_NLD), masks)[0, 0].detach()
    torch.testing.assert_close(mean_C, head(Frames.of_means(features_NLD))[0].detach())


def test_standardise_by_gives_mean_0_and_deviation_1_over_the_given_clips(head: Head) -> None:
    features_NLD = 5 * torch.randn(50, 3, 5) - 7
    head.standardise_by(statistics_of(Means(features_NLD)))
    standard_NLD = ((features_NLD - head.mean_LD) / head.std_LD).numpy()
    np.testing.assert_allclose(standard_NLD.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(standard_NLD.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("n", [1, 9])
def test_a_feature_that_never_changes_does_not_divide_by_0(head: Head, n: int) -> None:
    features_NLD = torch.full((n, 3, 5), 4.0)
    head.standardise_by(statistics_of(Means(features_NLD)))
    assert torch.isfinite(head(Frames.of_means(features_NLD))).all()
    torch.testing.assert_close(
        head(Frames.of_means(features_NLD)), head(Frames.of_means(features_NLD[:1])).expand(n, -1)
    )


def test_a_new_head_weighs_all_layers_alike(config: ClassifierConfig) -> None:
    assert Head(config).layer_scores.softmax(dim=0).tolist() == pytest.approx([1 / 3] * 3)


def test_masks_drop_the_given_share_and_scale_up_what_is_left(head: Head) -> None:
    masks = head.draw_masks(50, 40, torch.Generator().manual_seed(0))
    assert masks.pooled_NKD.shape == (50, 40, 5)
    assert masks.hidden_NKH.shape == (50, 40, 7)
    for mask in (masks.pooled_NKD, masks.hidden_NKH):
        assert mask.unique().tolist() == pytest.approx([0, 1 / 0.7])
        assert (mask == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)  # 4 standard deviations


def test_masks_come_from_the_generator_alone(head: Head) -> None:
    first, again = (head.draw_masks(2, 8, torch.Generator().manual_seed(5)) for _ in range(2))
    other = head.draw_masks(2, 8, torch.Generator().manual_seed(6))
    assert torch.equal(first.pooled_NKD, again.pooled_NKD)
    assert torch.equal(first.hidden_NKH, again.hidden_NKH)
    assert not torch.equal(first.hidden_NKH, other.hidden_NKH)


def test_with_the_last_layer_alone_the_others_do_not_matter(config_of: Callable[..., ClassifierConfig]) -> None:
    torch.manual_seed(0)
    head, means_NLD = Head(config_of(layers="last")), torch.randn(4, 3, 5)
    others_NLD = torch.cat([torch.randn(4, 2, 5), means_NLD[:, 2:]], dim=1)
    assert "layer_scores" not in head.state_dict()
    assert torch.equal(head(Frames.of_means(means_NLD)), head(Frames.of_means(others_NLD)))


def test_the_last_layer_is_standardised_by_its_own_statistics(
    config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    """As a weighted sum in which it has all the weight."""
    weighted, last = head_of(config_of()), Head(config_of(layers="last"))
    with torch.no_grad():
        weighted.layer_scores.copy_(torch.tensor([-1e4, -1e4, 0]))
    last.load_state_dict({name: tensor for name, tensor in weighted.state_dict().items() if name != "layer_scores"})
    heard = Frames.of_means(torch.randn(4, 3, 5))
    torch.testing.assert_close(last(heard), weighted(heard))


def test_without_an_activation_the_head_is_linear(config_of: Callable[..., ClassifierConfig]) -> None:
    torch.manual_seed(0)
    head = Head(config_of(activation="none")).double()
    one, other = torch.randn(2, 3, 5, dtype=torch.float64)
    at_0, at_one, at_other, at_both = (head(Frames.of_means(m[None])) for m in (0 * one, one, other, one + other))
    torch.testing.assert_close(at_both - at_0, (at_one - at_0) + (at_other - at_0))


@pytest.mark.parametrize("masked", [False, True])
def test_a_classs_probability_is_that_of_its_outputs_among_those_that_count(
    config_of: Callable[..., ClassifierConfig], masked: bool
) -> None:
    """Four outputs: two are happy, one is sad, one is left out."""
    torch.manual_seed(0)
    plain, heard = Head(config_of()), Frames.of_means(torch.randn(6, 3, 5))
    grouped = Head(config_of(classes=["happy", "sad"], groups=[0, None, 1, 0]))
    grouped.load_state_dict(plain.state_dict())
    masks = plain.draw_masks(6, 3, torch.Generator().manual_seed(0)) if masked else None
    outputs = plain(heard, masks).softmax(dim=-1).unbind(dim=-1)
    happy, sad = outputs[0] + outputs[3], outputs[2]
    expected = torch.stack([happy, sad], dim=-1) / (happy + sad)[..., None]
    torch.testing.assert_close(grouped(heard, masks).softmax(dim=-1), expected)


def test_keyed_masks_drop_as_many_as_set_and_keep_the_mean(head: Head) -> None:
    masks = head.keyed_masks(draw_keys(torch.arange(50), 40, seed=0))
    for mask in (masks.pooled_NKD, masks.hidden_NKH):
        assert (mask == 0).double().mean().item() == pytest.approx(head.dropout, abs=0.02)
        assert mask.mean().item() == pytest.approx(1, abs=0.02)


def test_keyed_masks_of_the_two_layers_are_unlike(head: Head) -> None:
    """Five features and seven hidden units: the same fate as often as chance has it."""
    masks = head.keyed_masks(draw_keys(torch.arange(50), 40, seed=0))
    same = (masks.pooled_NKD > 0) == (masks.hidden_NKH > 0)[..., :5]
    assert same.double().mean().item() == pytest.approx((1 - head.dropout) ** 2 + head.dropout**2, abs=0.03)


@pytest.mark.parametrize("score", [0.0, -3.0])
def test_a_single_layer_counts_in_full_whatever_its_score(score: float) -> None:
    config = ClassifierConfig(
        classes=["angry", "sad"], encoder={"kind": "logmel"}, encoder_identity={}, n_layers=1, dim=5, hidden=7
    )
    head = Head(config)
    assert head.layer_scores is not None
    head.layer_scores.data[0] = score
    features_NLD = torch.randn(6, 1, 5)
    expected_NC = [logits_by_hand(head, row_LD, (np.ones(5), np.ones(7))) for row_LD in features_NLD.double().numpy()]
    np.testing.assert_allclose(head(Frames.of_means(features_NLD)).detach().numpy(), expected_NC, atol=1e-5)
