"""Late fusion: the specialist's vector beside a zero-shot model's scores."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames
from tasks.encoders.clap import ClapSettings
from tasks.encoders.clap_text import ClapTexts, embed_texts, logit_scale
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.text import TextSettings
from tasks.maths.zero_shot import zero_shot_probs
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head
from tasks.networks.late_fusion import LateFusion, named_classes
from tasks.networks.late_fusion_settings import LateFusionPooling, clap_beside
from tasks.networks.statistics import Statistics
from tasks.students.source_network import new_head
from tasks.teachers.zero_shot import ZeroShotSettings
from tasks.teachers.zero_shot_draws import class_vectors
from tests.encoders.clap_models import save_clap

CLASSES = ["angry", "happy", "sad"]
POOLING = LateFusionPooling(prompts=["{e}", "speech with {e} emotion"], words={"sad": ["sad", "sorrowful"]})
N, DIM = 4, 6


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> ClapSettings:
    return ClapSettings(model=str(save_clap(tmp_path_factory.mktemp("clap") / "model")))


@pytest.fixture(scope="module")
def config(clap: ClapSettings) -> ClassifierConfig:
    encoder = JoinedSettings(parts=(LogMelSettings(), clap))
    sizes = {"n_layers": 2, "dim": DIM, "hidden": 5, "beside": [(1, 12)]}
    given = {"classes": CLASSES, "encoder": encoder, "encoder_identity": encoder.identity(), "pooling": POOLING}
    return ClassifierConfig.model_validate(given | sizes)


@pytest.fixture(scope="module")
def head(config: ClassifierConfig) -> Head:
    statistics = Statistics(torch.full((2, DIM), 0.5), torch.full((2, DIM), 2.0))
    made = new_head(config, statistics, seed=0, named=named_classes(config, "cpu")).eval()
    assert isinstance(made.pooling, LateFusion)
    torch.nn.init.normal_(made.pooling.norm.weight)
    torch.nn.init.normal_(made.pooling.norm.bias)
    return made


@pytest.fixture(scope="module")
def heard() -> Frames:
    """Clips in the specialist's features, and beside them in CLAP's space."""
    generator = torch.Generator().manual_seed(0)
    audio = Frames.of_means(torch.randn(N, 2, DIM, generator=generator))
    vectors = torch.nn.functional.normalize(torch.randn(N, 1, 12, generator=generator), dim=-1)
    return Frames(audio.values_BLTD, audio.n_frames_B, (Frames.of_means(vectors),))


def by_hand(clap: ClapSettings) -> NDArray[np.float64]:
    """The classes' vectors: of each prompt the mean direction of the class's words, then that of the prompts."""

    def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        return vector / np.linalg.norm(vector)

    rows = []
    for words in (["angry"], ["happy"], ["sad", "sorrowful"]):
        prompts = []
        for prompt in ("{e}", "speech with {e} emotion"):
            vectors = embed_texts(clap, [prompt.replace("{e}", word) for word in words], "cpu").astype(np.float64)
            prompts.append(unit(sum(unit(vector) for vector in vectors)))
        rows.append(unit(sum(prompts)))
    return np.array(rows)


def weights_of(head: Head) -> Mapping[str, NDArray[np.float64]]:
    return {name: tensor.double().numpy() for name, tensor in head.state_dict().items()}


def test_the_scores_are_those_of_the_zero_shot_model(clap: ClapSettings, head: Head, heard: Frames) -> None:
    assert isinstance(head.pooling, LateFusion)
    scores_NC = head.pooling.scores(heard).detach()
    vectors_ND = heard.beside[0].means_BLD()[:, 0].double().numpy()
    expected_NC = zero_shot_probs(vectors_ND, by_hand(clap), logit_scale(clap))
    np.testing.assert_allclose(scores_NC.double().softmax(-1).numpy(), expected_NC, atol=1e-5)


def test_the_classes_vectors_are_those_of_the_zero_shot_teacher(clap: ClapSettings, config: ClassifierConfig) -> None:
    teacher = ZeroShotSettings(model=clap.model, prompts=POOLING.prompts, words=POOLING.words)
    texts = ClapTexts(clap, "cpu")
    expected = class_vectors(teacher, CLASSES, [1], texts.embed, texts.scale)
    named = named_classes(config, "cpu")
    assert named is not None
    np.testing.assert_array_equal(named[0], expected.ensemble(1))
    assert named[1] == expected.scale


def test_the_pooled_vector_is_the_mean_beside_the_normed_scores(clap: ClapSettings, head: Head, heard: Frames) -> None:
    of = weights_of(head)
    share_L = np.exp(of["layer_scores"]) / np.exp(of["layer_scores"]).sum()
    classes_CE, scale = by_hand(clap), logit_scale(clap)
    for n in range(N):
        audio_LD = (heard.values_BLTD[n, :, 0].double().numpy() - 0.5) / 2.0
        z_C = scale * classes_CE @ heard.beside[0].values_BLTD[n, 0, 0].double().numpy()
        normed_C = (z_C - z_C.mean()) / np.sqrt(z_C.var() + 1e-5)
        normed_C = normed_C * of["pooling.norm.weight"] + of["pooling.norm.bias"]
        expected = np.concatenate([share_L @ audio_LD, normed_C])
        np.testing.assert_allclose(head.pooled(heard)[n].detach().numpy(), expected, atol=1e-5)


def test_without_the_scores_it_is_the_specialist_alone(config: ClassifierConfig, head: Head, heard: Frames) -> None:
    alone = Head(config.for_means()).eval()
    weights = {name: tensor.clone() for name, tensor in head.state_dict().items() if not name.startswith("pooling.")}
    weights["to_hidden.weight"] = weights["to_hidden.weight"][:, :DIM]
    alone.load_state_dict(weights)
    silent = Head(config).eval()
    silent.load_state_dict(head.state_dict())
    assert isinstance(silent.pooling, LateFusion)
    with torch.no_grad():
        silent.pooling.norm.weight.zero_()
        silent.pooling.norm.bias.zero_()
    torch.testing.assert_close(silent(heard), alone(heard))


def test_the_classes_vectors_are_not_trained(head: Head, heard: Frames) -> None:
    head(heard).sum().backward()
    assert isinstance(head.pooling, LateFusion)
    assert {name for name, _ in head.pooling.named_parameters()} == {"norm.weight", "norm.bias"}
    assert head.pooling.norm.weight.grad is not None
    head.zero_grad()


def test_repeated_words_are_other_vectors(config: ClassifierConfig) -> None:
    twice = config.model_copy(update={"pooling": POOLING.model_copy(update={"text_repeats": 2})})
    once, repeated = named_classes(config, "cpu"), named_classes(twice, "cpu")
    assert once is not None
    assert repeated is not None
    assert np.abs(once[0] - repeated[0]).max() > 1e-3
    assert once[1] == repeated[1]


def test_a_head_that_pools_otherwise_names_no_classes(config: ClassifierConfig) -> None:
    assert named_classes(config.for_means()) is None


def test_a_saved_head_needs_no_text_model(config: ClassifierConfig, head: Head, heard: Frames, tmp_path: Path) -> None:
    clap = tmp_path / "clap"
    shutil.copytree(clap_beside(config.encoder).model, clap)
    encoder = JoinedSettings(parts=(LogMelSettings(), ClapSettings(model=str(clap))))
    save_classifier(tmp_path / "classifier", head, config.model_copy(update={"encoder": encoder}))
    shutil.rmtree(clap)
    loaded, _ = load_classifier(tmp_path / "classifier")
    torch.testing.assert_close(loaded(heard), head(heard), rtol=0, atol=0)


def test_a_head_whose_classes_were_never_named_is_refused(config: ClassifierConfig, tmp_path: Path) -> None:
    save_classifier(tmp_path, Head(config), config)
    with pytest.raises(CheckpointError, match=r"pooling\.classes_CE of the classifier's head holds numbers"):
        load_classifier(tmp_path)


def test_masks_sit_on_the_vector_with_the_scores(head: Head, heard: Frames) -> None:
    masks = head.draw_masks(N, 3, torch.Generator())
    assert masks.pooled_NKD.shape == (N, 3, DIM + len(CLASSES))
    assert head(heard, masks).shape == (N, 3, len(CLASSES))


@pytest.mark.parametrize("case", ["none", "text", "both"])
def test_it_needs_a_clap_beside_and_nothing_else(case: str, clap: ClapSettings) -> None:
    text = TextSettings(model="org/bert", revision="1a2b")
    encoders = {
        "none": (LogMelSettings(), "there is logmel"),
        "text": (JoinedSettings(parts=(LogMelSettings(), text)), "there is joined of logmel, text"),
        "both": (JoinedSettings(parts=(LogMelSettings(), clap, text)), "there is joined of logmel, clap, text"),
    }
    encoder, told = encoders[case]
    with pytest.raises(ValueError, match=f"late_fusion compares the clip with the classes' names by a CLAP .*{told}"):
        clap_beside(encoder)
