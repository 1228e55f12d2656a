"""Label signals against the formulas written down again in NumPy, clip by clip, and what they must not depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import expit, softmax

from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.networks.label_signal_settings import LabelSignalPooling

N_FRAMES, N_WORDS = [7, 1, 4, 3], [2, 1, 0, 3]
DIM, SIZE, HEADS = 5, 6, 2
FloatArray = NDArray[np.float64]
Weights = dict[str, FloatArray]


def signals_of(seed: int = 0, **given: Any) -> LabelSignals:
    torch.manual_seed(seed)
    made = LabelSignals(DIM, 4, **{"size": SIZE, "heads": HEADS} | given)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)  # a norm's scale, a bias: nothing stays at 0 or 1
    return made


def clips(n_frames: list[int], layers: int = 1, seed: int = 0) -> list[torch.Tensor]:
    """Each of shape (L, T, D)."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(layers, n, DIM, generator=generator) for n in n_frames]


def frames_of(found: list[torch.Tensor], longest: int | None = None) -> Frames:
    """Padded with zeros, as `Frames` promises."""
    n_frames = [clip.shape[1] for clip in found]
    values = torch.zeros(len(found), found[0].shape[0], longest or max(n_frames), DIM)
    for row, clip in zip(values, found, strict=True):
        row[:, : clip.shape[1]] = clip
    return Frames(values, torch.tensor(n_frames))


def pooled(signals: LabelSignals, audio: Frames, *text: Frames) -> FloatArray:
    heard = Frames(audio.values_BLTD, audio.n_frames_B, text)
    vectors: FloatArray = signals(audio.values_BLTD[:, 0], heard).detach().double().numpy()
    return vectors


def weights_of(signals: LabelSignals) -> Weights:
    return {name: tensor.detach().double().numpy() for name, tensor in signals.state_dict().items()}


def linear(of: Weights, name: str, x: FloatArray) -> FloatArray:
    return np.array([of[f"{name}.weight"] @ row + of[f"{name}.bias"] for row in x])


def standard(x_D: FloatArray) -> FloatArray:
    return (x_D - x_D.mean()) / np.sqrt(x_D.var() + 1e-5)


def attention_by_hand(queries: FloatArray, keys: FloatArray, values: FloatArray) -> FloatArray:
    """One query after the other."""
    weights = [softmax([query @ key / np.sqrt(len(query)) for key in keys]) for query in queries]
    return np.array([sum(w * value for w, value in zip(row, values, strict=True)) for row in weights])


def attended_by_hand(of: Weights, name: str, x: FloatArray, y: FloatArray) -> FloatArray:
    """LN(X + MHA(X, Y, Y)), head by head."""
    queries, values, each = (
        linear(of, f"{name}.heads.to_query", x),
        linear(of, f"{name}.heads.to_value", y),
        SIZE // HEADS,
    )
    keys = np.array([of[f"{name}.heads.to_key.weight"] @ row for row in y])
    cuts = [slice(h * each, (h + 1) * each) for h in range(HEADS)]
    joined = np.hstack([attention_by_hand(queries[:, cut], keys[:, cut], values[:, cut]) for cut in cuts])
    taken = linear(of, f"{name}.heads.to_size", joined)
    return np.array([standard(row) * of[f"{name}.norm.weight"] + of[f"{name}.norm.bias"] for row in x + taken])


def guided_by_hand(of: Weights, plain: FloatArray, attended: FloatArray) -> FloatArray:
    """Each frame is gated and shifted by the signal, then the mean over frames is taken."""
    signal = attention_by_hand(of["labels_CD"], attended, attended).mean(axis=0)
    return np.mean([expit(signal) * frame + signal for frame in plain], axis=0)


def by_hand(of: Weights, audio_TD: FloatArray, text_LMD: FloatArray | None) -> FloatArray:
    """The vector of one clip."""
    audio = linear(of, "to_size", audio_TD)
    if text_LMD is None or text_LMD.shape[1] == 0:
        return guided_by_hand(of, audio, attended_by_hand(of, "audio", audio, audio))
    share_L = softmax(of["words.layer_scores"])
    words = [
        sum(s * standard(layer[m]) for s, layer in zip(share_L, text_LMD, strict=True))
        for m in range(text_LMD.shape[1])
    ]
    text = linear(of, "words.to_size", np.array(words))
    a = guided_by_hand(of, audio, attended_by_hand(of, "audio", audio, text))
    t = guided_by_hand(of, text, attended_by_hand(of, "text", text, audio))
    gate = expit(of["to_gate.weight"] @ np.concatenate([a, t]) + of["to_gate.bias"])
    return gate * a + (1 - gate) * t


def test_of_audio_alone_it_is_the_formula() -> None:
    signals, audio = signals_of(), clips(N_FRAMES)
    expected = [by_hand(weights_of(signals), clip[0].double().numpy(), None) for clip in audio]
    np.testing.assert_allclose(pooled(signals, frames_of(audio)), expected, atol=1e-5)


def test_of_audio_and_text_it_is_the_formula_and_without_a_transcript_that_of_audio_alone() -> None:
    signals, audio, text = signals_of(beside=[(2, DIM)]), clips(N_FRAMES), clips(N_WORDS, layers=2, seed=1)
    both = zip(audio, text, strict=True)
    expected = [by_hand(weights_of(signals), a[0].double().numpy(), t.double().numpy()) for a, t in both]
    np.testing.assert_allclose(pooled(signals, frames_of(audio), frames_of(text)), expected, atol=1e-5)


@pytest.mark.parametrize("beside", [[], [(2, DIM)]], ids=["audio", "audio and text"])
def test_a_clips_vector_does_not_depend_on_what_it_is_padded_with(beside: list[tuple[int, int]]) -> None:
    signals, audio, text = signals_of(beside=beside), clips(N_FRAMES), clips(N_WORDS, layers=2, seed=1)
    alone = np.vstack(
        [pooled(signals, frames_of([a]), frames_of([t], max(1, t.shape[1]))) for a, t in zip(audio, text, strict=True)]
    )
    for longest in (7, 12, 200):
        found = pooled(signals, frames_of(audio, longest), frames_of(text, longest))
        np.testing.assert_allclose(found, alone, atol=1e-5)


def test_a_clip_without_a_transcript_has_finite_gradients() -> None:
    signals = signals_of(beside=[(2, DIM)])
    audio, text = frames_of(clips([3, 2])), frames_of(clips([0, 0], layers=2), longest=1)
    signals(audio.values_BLTD[:, 0], Frames(audio.values_BLTD, audio.n_frames_B, (text,))).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in signals.parameters() if p.grad is not None)


def test_a_head_made_for_text_refuses_to_hear_none() -> None:
    with pytest.raises(ValueError, match="made for audio and text, and no text lies beside the audio"):
        pooled(signals_of(beside=[(2, DIM)]), frames_of(clips([3])))


def test_of_one_frame_the_signal_is_that_frame_whatever_the_embeddings_are() -> None:
    """What is left of label signals over time means: the embeddings are known to the consistency loss alone."""
    one, other, audio = signals_of(), signals_of(), frames_of(clips([1, 1]))
    torch.nn.init.normal_(other.labels_CD)
    np.testing.assert_allclose(pooled(one, audio), pooled(other, audio), atol=1e-6)
    of = weights_of(one)
    plain = linear(of, "to_size", audio.values_BLTD[:, 0, 0].double().numpy())
    attended = np.vstack([attended_by_hand(of, "audio", row[None], row[None]) for row in plain])
    np.testing.assert_allclose(pooled(one, audio), expit(attended) * plain + attended, atol=1e-5)


def test_of_several_frames_the_embeddings_decide() -> None:
    one, other, audio = signals_of(), signals_of(), frames_of(clips([4, 5]))
    torch.nn.init.normal_(other.labels_CD)
    assert np.abs(pooled(one, audio) - pooled(other, audio)).max() > 0.01


def test_without_signals_it_is_the_mean_of_the_frames_that_looked_at_each_other() -> None:
    signals, [audio] = signals_of(signals=False), clips([4])
    of = weights_of(signals)
    plain = linear(of, "to_size", audio[0].double().numpy())
    expected = attended_by_hand(of, "audio", plain, plain).mean(axis=0)
    np.testing.assert_allclose(pooled(signals, frames_of([audio]))[0], expected, atol=1e-5)


def test_without_attention_the_frames_are_normalised_and_no_more() -> None:
    signals, [audio] = signals_of(attends=False), clips([4])
    of = weights_of(signals)
    plain = linear(of, "to_size", audio[0].double().numpy())
    normed = np.array([standard(row) * of["audio.norm.weight"] + of["audio.norm.bias"] for row in plain])
    np.testing.assert_allclose(pooled(signals, frames_of([audio]))[0], guided_by_hand(of, plain, normed), atol=1e-5)


def test_a_head_of_it_has_dropout_on_its_vector_and_one_embedding_a_class(
    config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    head = head_of(config_of(pooling=LabelSignalPooling(size=12, heads=3)))
    masks = head.draw_masks(4, 6, torch.Generator().manual_seed(0))
    assert masks.pooled_NKD.shape == (4, 6, 12)
    assert head(frames_of(clips(N_FRAMES, layers=3)), masks).shape == (4, 6, 4)
    assert isinstance(head.pooling, LabelSignals)
    assert head.pooling.labels_CD.shape == (4, 12)


@pytest.mark.parametrize(
    ("hears", "encoder", "frames"),
    [
        ("frames", {"kind": "huggingface", "model": "some/model", "revision": "main"}, True),
        ("means", {"kind": "huggingface", "model": "some/model", "revision": "main"}, False),
        ("frames", {"kind": "logmel"}, False),
    ],
)
def test_it_hears_frames_where_that_is_wanted_and_there_are_some(
    config_of: Callable[..., ClassifierConfig], hears: str, encoder: dict[str, str], frames: bool
) -> None:
    assert config_of(encoder=encoder, pooling={"kind": "label_signal", "hears": hears}).hears_frames == frames


def test_heads_that_do_not_share_the_size_are_refused() -> None:
    with pytest.raises(ValidationError, match="`heads`: 8 heads cannot share a `size` of 12 alike"):
        LabelSignalPooling(size=12)
