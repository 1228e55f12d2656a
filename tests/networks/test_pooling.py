"""Attentive statistics pooling against the formula written down again, and what it must not depend on."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head, Masks

N_FRAMES = [9, 1, 4, 6]


@pytest.fixture
def attentive(config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]) -> Head:
    return head_of(config_of(pooling="attentive"))


def clips(n_frames: list[int], seed: int = 0) -> list[torch.Tensor]:
    """Each of shape (L, T, D)."""
    generator = torch.Generator().manual_seed(seed)
    return [3 * torch.randn(3, n, 5, generator=generator) + 2 for n in n_frames]


def frames_of(clips: list[torch.Tensor], longest: int | None = None) -> Frames:
    """Padded with zeros, as `Frames` promises."""
    n_frames = [clip.shape[1] for clip in clips]
    values = torch.zeros(len(clips), 3, longest or max(n_frames), 5)
    for row, clip in zip(values, clips, strict=True):
        row[:, : clip.shape[1]] = clip
    return Frames(values, torch.tensor(n_frames))


def logits_by_hand(head: Head, clip_LTD: NDArray[np.float64]) -> NDArray[np.float64]:
    """One clip, one frame after the other, in NumPy."""
    of = {name: tensor.detach().double().numpy() for name, tensor in head.state_dict().items()}
    share_L = np.exp(of["layer_scores"]) / np.exp(of["layer_scores"]).sum()
    frames, scores = [], []
    for t in range(clip_LTD.shape[1]):
        layers = [share_L[i] * (clip_LTD[i, t] - of["mean_LD"][i]) / of["std_LD"][i] for i in range(3)]
        frames.append(sum(layers))
        tanh = np.tanh(of["pooling.to_tanh.weight"] @ frames[t] + of["pooling.to_tanh.bias"])
        scores.append((of["pooling.to_score.weight"] @ tanh)[0])
    weights = np.exp(scores) / np.exp(scores).sum()
    mean = sum(weight * frame for weight, frame in zip(weights, frames, strict=True))
    variance = sum(weight * (frame - mean) ** 2 for weight, frame in zip(weights, frames, strict=True))
    pooled = np.concatenate([mean, np.sqrt(np.maximum(variance, 1e-5))])
    hidden = np.maximum(0, of["to_hidden.weight"] @ pooled + of["to_hidden.bias"])
    return of["to_logits.weight"] @ hidden + of["to_logits.bias"]


def test_attentive_pooling_is_the_formula(attentive: Head) -> None:
    heard = clips(N_FRAMES)
    expected_NC = [logits_by_hand(attentive, clip.double().numpy()) for clip in heard]
    np.testing.assert_allclose(attentive(frames_of(heard)).detach().numpy(), expected_NC, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "attentive"])
def test_a_clips_logits_do_not_depend_on_what_it_is_padded_with(
    config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head], pooling: str
) -> None:
    head, heard = head_of(config_of(pooling=pooling)), clips(N_FRAMES)
    alone_NC = torch.cat([head(frames_of([clip])) for clip in heard])
    for longest in (9, 12, 500):
        torch.testing.assert_close(head(frames_of(heard, longest)), alone_NC, atol=1e-6, rtol=0)


def test_with_mean_pooling_frames_and_their_means_are_the_same(head: Head) -> None:
    heard = clips(N_FRAMES)
    means_BLD = torch.stack([clip.mean(dim=1) for clip in heard])
    torch.testing.assert_close(head(frames_of(heard)), head(Frames.of_means(means_BLD)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("values", [torch.zeros(2, 3, 1, 5), torch.full((2, 3, 6, 5), 4.0)], ids=["one frame", "alike"])
def test_a_spread_of_0_has_finite_gradients(attentive: Head, values: torch.Tensor) -> None:
    values = values.clone().requires_grad_()
    attentive(Frames(values, torch.tensor([values.shape[2]] * 2))).sum().backward()
    assert torch.isfinite(values.grad).all()  # type: ignore[arg-type]
    assert all(torch.isfinite(p.grad).all() for p in attentive.parameters() if p.grad is not None)


def test_masks_sit_on_the_pooled_vector_of_mean_and_spread(attentive: Head) -> None:
    masks = attentive.draw_masks(4, 6, torch.Generator().manual_seed(0))
    assert masks.pooled_NKD.shape == (4, 6, 10)
    assert attentive(frames_of(clips(N_FRAMES)), masks).shape == (4, 6, 4)


def test_pooling_is_done_once_for_all_passes(attentive: Head) -> None:
    assert attentive.pooling is not None
    rows: list[int] = []
    attentive.pooling.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    attentive(frames_of(clips(N_FRAMES)), attentive.draw_masks(4, 6, torch.Generator()))
    assert rows == [4]


@pytest.mark.parametrize("pooling", ["mean", "attentive"])
def test_passes_as_rows_of_their_own_are_the_same_as_passes_of_a_clip(
    config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head], pooling: str
) -> None:
    """So that an encoder with dropout of its own may give N * K rows."""
    head, heard = head_of(config_of(pooling=pooling)), clips(N_FRAMES)
    masks = head.draw_masks(4, 3, torch.Generator().manual_seed(1))
    each = Masks(masks.pooled_NKD.flatten(0, 1)[:, None], masks.hidden_NKH.flatten(0, 1)[:, None])
    repeated = frames_of([clip for clip in heard for _ in range(3)])
    expected_NKC = head(frames_of(heard), masks)
    torch.testing.assert_close(head(repeated, each).view(4, 3, 4), expected_NKC, atol=1e-6, rtol=0)


def test_it_learns_to_find_the_frame_that_tells(
    config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    """One loud frame of twenty says the class; the others are noise."""
    generator = torch.Generator().manual_seed(0)
    labels_N = torch.arange(64) % 2
    values = torch.randn(64, 1, 20, 5, generator=generator)
    at_N = torch.randint(20, (64,), generator=generator)
    values[torch.arange(64), 0, at_N, 0] += 6
    values[torch.arange(64), 0, at_N, 1] = 3.0 * (2 * labels_N - 1)
    head = Head(config_of(classes=["a", "b"], n_layers=1, pooling="attentive"))
    heard, optimiser = Frames(values, torch.full((64,), 20)), torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(head(heard), labels_N).backward()
        optimiser.step()
    assert head.pooling is not None
    scores_NT = head.pooling.to_score(head.pooling.to_tanh(values[:, 0]).tanh())[..., 0]
    assert (scores_NT.argmax(dim=-1) == at_N).float().mean() > 0.9
