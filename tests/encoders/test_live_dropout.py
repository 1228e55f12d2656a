"""Draws of an encoder: which of its dropouts are live, and what a draw depends on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.encoders.base import Live
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.pretrained import PretrainedEncoder

Noise = Callable[[int, float], NDArray[np.float32]]
Build = Callable[..., PretrainedEncoder]
FAMILIES = ["wavlm", "hubert", "wav2vec2", "data2vec-audio", "whisper"]
RATES = ["hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"]
WHISPERS = ["dropout", "attention_dropout", "activation_dropout"]
OF_TRAINING = {"layerdrop": 1.0, "mask_time_prob": 0.9, "mask_time_length": 2, "mask_feature_prob": 0.9}
KEYS_N = torch.tensor([11, -7, 5, 2**62])


def rates_of(family: str) -> list[str]:
    return WHISPERS if family == "whisper" else RATES


@pytest.fixture(scope="module")
def build(
    tmp_path_factory: pytest.TempPathFactory, save_wav_encoder: Callable[..., Path], save_whisper: Callable[..., Path]
) -> Build:
    """An encoder of a family without dropout but for what is given."""
    built: dict[str, PretrainedEncoder] = {}

    def build(family: str, attention: Any = None, precision: Any = "float32", **given: Any) -> PretrainedEncoder:
        name = str((family, attention, precision, given))
        if name not in built:
            folder, changed = tmp_path_factory.mktemp(family), {**dict.fromkeys(rates_of(family), 0.0), **given}
            if family == "whisper":
                save_whisper(folder, **changed)
            else:
                save_wav_encoder(folder, family, **{"layerdrop": 0.0, **changed})
            settings = HuggingFaceSettings(model=str(folder), attention=attention, precision=precision)
            built[name] = settings.build("cpu")
        return built[name]

    return build


@pytest.fixture
def waves(noise: Noise) -> list[NDArray[np.float32]]:
    return [noise(1, 0.4), noise(2, 1.0), noise(3, 0.15), noise(4, 0.9)]


def draws_of(
    encoder: PretrainedEncoder,
    waves: list[NDArray[np.float32]],
    draws: tuple[int, ...] = (0, 1, 2),
    seed: int = 0,
    keys_N: torch.Tensor = KEYS_N,
) -> torch.Tensor:
    """Shape (N, K, L, D)."""
    with torch.inference_mode():
        heard = encoder.hear(waves, live=Live(keys_N[: len(waves)], draws, seed))
    return heard.means_BLD().unflatten(0, (len(waves), len(draws)))


def spread(draws_NKLD: torch.Tensor) -> float:
    return draws_NKLD.std(dim=1).amax().item()


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dropping(family: str, build: Build) -> PretrainedEncoder:
    """All of its dropouts at 0.1."""
    return build(family, **dict.fromkeys(rates_of(family), 0.1))


@pytest.mark.parametrize(("family", "rate"), [(family, rate) for family in FAMILIES for rate in rates_of(family)])
def test_each_dropout_alone_makes_draws_differ(build: Build, family: str, rate: str, noise: Noise) -> None:
    assert spread(draws_of(build(family, **{rate: 0.3}), [noise(1, 0.15)])) > 2e-5


@pytest.mark.parametrize("family", ["hubert", "wav2vec2", "data2vec-audio", "whisper"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_dropout_is_live_and_the_same_whatever_computes_attention(
    build: Build, family: str, attention: str, noise: Noise
) -> None:
    chosen, default = (build(family, attention=kind, attention_dropout=0.3) for kind in (attention, None))
    draws = draws_of(chosen, [noise(1, 0.4)])
    assert spread(draws) > 2e-5
    torch.testing.assert_close(draws, draws_of(default, [noise(1, 0.4)]), atol=1e-6, rtol=0)


def test_without_dropout_every_draw_is_what_the_encoder_hears(
    family: str, build: Build, waves: list[NDArray[np.float32]]
) -> None:
    encoder = build(family)
    expected_NKLD = encoder.hear(waves).means_BLD()[:, None].expand(-1, 3, -1, -1)
    torch.testing.assert_close(draws_of(encoder, waves), expected_NKLD, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["wavlm", "hubert", "wav2vec2", "data2vec-audio"])
def test_layer_drop_and_spec_augment_are_not_live(family: str, build: Build, waves: list[NDArray[np.float32]]) -> None:
    encoder = build(family, **OF_TRAINING)
    expected_NKLD = encoder.hear(waves).means_BLD()[:, None].expand(-1, 3, -1, -1)
    torch.testing.assert_close(draws_of(encoder, waves), expected_NKLD, atol=1e-6, rtol=0)


def test_whispers_layer_drop_is_not_live(build: Build, noise: Noise) -> None:
    assert spread(draws_of(build("whisper", encoder_layerdrop=1.0, mask_time_prob=0.9), [noise(1, 0.4)])) < 1e-6


def test_an_encoder_knows_whether_it_has_dropout(family: str, build: Build, dropping: PretrainedEncoder) -> None:
    assert (dropping.has_dropout, build(family).has_dropout) == (True, False)


def test_draws_do_not_depend_on_partners_or_order(
    dropping: PretrainedEncoder, waves: list[NDArray[np.float32]]
) -> None:
    together_NKLD = draws_of(dropping, waves)
    backwards_NKLD = draws_of(dropping, waves[::-1], keys_N=KEYS_N.flip(0)).flip(0)
    alone = [draws_of(dropping, [wave], keys_N=KEYS_N[n : n + 1]) for n, wave in enumerate(waves)]
    torch.testing.assert_close(together_NKLD, backwards_NKLD, atol=1e-6, rtol=0)
    torch.testing.assert_close(together_NKLD, torch.cat(alone), atol=1e-6, rtol=0)


def test_a_draw_is_the_same_alone_and_among_others(dropping: PretrainedEncoder, noise: Noise) -> None:
    wave = [noise(1, 0.4)]
    among = draws_of(dropping, wave, tuple(range(8)))[:, 3:4]
    torch.testing.assert_close(draws_of(dropping, wave, (3,)), among, atol=1e-6, rtol=0)


def test_a_repeated_draw_has_the_same_bits_whatever_torchs_own_generator_does(
    dropping: PretrainedEncoder, waves: list[NDArray[np.float32]]
) -> None:
    torch.manual_seed(1)
    state, first = torch.get_rng_state(), draws_of(dropping, waves)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(draws_of(dropping, waves), first)


def test_other_seeds_draws_and_clips_have_other_masks(dropping: PretrainedEncoder, noise: Noise) -> None:
    wave = noise(1, 0.4)
    base = draws_of(dropping, [wave, wave])
    assert (base[0] - base[1]).abs().amax(dim=(1, 2)).min() > 1e-4  # the same sound under two keys
    assert (base[:, 0] - base[:, 1]).abs().amax() > 1e-4
    assert (base - draws_of(dropping, [wave, wave], seed=1)).abs().amax(dim=(2, 3)).min() > 1e-4


def test_the_input_of_the_first_layer_keeps_its_mean(build: Build, noise: Noise) -> None:
    """Where nothing but a norm's scale lies behind a dropout, its mean over draws is the deterministic value."""
    encoder, waves = build("whisper", dropout=0.2), [noise(1, 0.4)]
    draws_KD = draws_of(encoder, waves, tuple(range(24)))[0, :, 0]
    expected_D = encoder.hear(waves).means_BLD()[0, 0]
    error_D = draws_KD.std(dim=0) / 24**0.5
    assert ((draws_KD.mean(dim=0) - expected_D).abs() < 5 * error_D).all()


def test_an_encoder_hears_without_dropout_again_afterwards(dropping: PretrainedEncoder, noise: Noise) -> None:
    before = dropping.hear([noise(1, 0.4)]).values_BLTD
    draws_of(dropping, [noise(1, 0.4)])
    assert torch.equal(dropping.hear([noise(1, 0.4)]).values_BLTD, before)


def test_draws_of_frames_have_the_draws_means(dropping: PretrainedEncoder, waves: list[NDArray[np.float32]]) -> None:
    with torch.inference_mode():
        heard = dropping.hear(waves, frames=True, live=Live(KEYS_N, (0, 1, 2), 0))
    expected = draws_of(dropping, waves).flatten(0, 1)
    torch.testing.assert_close(heard.means_BLD(), expected, atol=2e-6, rtol=0)


def test_draws_do_not_depend_on_whether_gradients_flow(dropping: PretrainedEncoder, noise: Noise) -> None:
    """With gradients a mask is multiplied, without it is applied in place."""
    without = draws_of(dropping, [noise(1, 0.4)])
    dropping.thaw("all")
    heard = dropping.hear([noise(1, 0.4)], live=Live(KEYS_N[:1], (0, 1, 2), 0)).means_BLD()
    dropping.thaw("none")
    assert heard.requires_grad
    torch.testing.assert_close(heard.detach()[None], without, atol=1e-6, rtol=0)


def test_draws_in_half_precision_have_the_same_masks(family: str, build: Build, noise: Noise) -> None:
    """Within a fifth of the spread between draws: with other masks they would be as far apart as the draws are."""
    rates = dict.fromkeys(rates_of(family), 0.3)
    single, half = (build(family, precision=precision, **rates) for precision in ("float32", "bfloat16"))
    draws = draws_of(single, [noise(1, 0.15)])
    assert (draws_of(half, [noise(1, 0.15)]) - draws).square().mean().sqrt() < 0.2 * draws.std(
        dim=1
    ).square().mean().sqrt()


def test_windows_of_a_long_clip_have_masks_of_their_own(build: Build) -> None:
    """Twice the same 30 s: with one window's masks twice, both halves would be equal."""
    wave = np.tile(np.random.default_rng(0).normal(scale=0.1, size=30 * 16_000).astype(np.float32), 2)
    encoder = build("whisper", dropout=0.2)
    with torch.inference_mode():
        heard = encoder.hear([wave], frames=True, live=Live(KEYS_N[:1], (0,), 0))
    first, second = heard.values_BLTD[0, 0].chunk(2, dim=0)
    assert heard.n_frames_B.tolist() == [3000]
    assert ((first == 0) == (second == 0)).double().mean() < 0.9
