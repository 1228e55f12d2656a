"""An encoder that is trained together with the head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.pretrained import PretrainedEncoder
from tasks.networks.config import ClassifierConfig
from tasks.storage.files import sha256_of_file
from tasks.students.source import SourceClassifier, train_source_classifier
from tasks.students.source_clips import LabelledClips
from tasks.students.source_encoder import TunedEncoder
from tasks.students.source_settings import SourceSettings
from tests.students.source_toys import MemoryWork, save_wavlm

N = 12
EVERY = range(N)


@pytest.fixture(scope="session")
def wavlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With dropout, and with LayerDrop, which must stay off."""
    return save_wavlm(tmp_path_factory.mktemp("wavlm"), hidden_dropout=0.1, layerdrop=0.5)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[AudioFile]:
    """Noise, ever brighter, of two classes and three speakers."""
    folder, rng, found = tmp_path_factory.mktemp("audio"), np.random.default_rng(0), []
    for n in EVERY:
        noise = np.convolve(rng.normal(size=4000 + 500 * n), np.ones(1 + 6 * (n % 2)) / 4)
        path = folder / f"{n}.wav"
        soundfile.write(path, 0.1 * noise, 16_000)
        found.append(AudioFile(sha256_of_file(path), path, len(noise) / 16_000))
    return found


class Tuning:
    """What `mifuse train-source` puts together, for the small encoder."""

    def __init__(self, wavlm: Path, files: list[AudioFile], features: Path, **given: Any) -> None:
        clips = {"folder": "audio"}
        numbers = {"epochs": 3, "batch_size": 4, "encoder_learning_rate": 0.01} | given
        encoder = {"kind": "huggingface", "model": str(wavlm)} | numbers.pop("encoder", {})
        self.settings = SourceSettings.model_validate(
            {"clips": clips, "encoder": encoder, "trainable": "all"} | numbers
        )
        assert isinstance(self.settings.encoder, HuggingFaceSettings)
        built = self.settings.encoder.build("cpu")
        assert isinstance(built, PretrainedEncoder)
        self.encoder = built
        self.tuned = TunedEncoder(
            built,
            files,
            self.settings.trainable,
            frames=self.settings.hears_frames,
            float16=self.settings.encoder.precision == "float16",
        )
        heard = features_of(files, self.settings.encoder, features, device="cpu")
        self.clips = LabelledClips(heard, torch.arange(N) % 2, [str(n // 4) for n in EVERY])
        self.config = ClassifierConfig(
            classes=["dull", "bright"],
            encoder=self.settings.encoder,
            encoder_identity={},
            n_layers=heard.n_layers,
            dim=heard.dim,
            pooling=self.settings.pooling,
            hidden=8,
        )

    def train(self, work: MemoryWork | None = None) -> SourceClassifier:
        return train_source_classifier(self.clips, self.config, self.settings, work or MemoryWork(), self.tuned)

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in self.encoder.state_dict().items()}


@pytest.fixture
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "features-of-source"


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def mean_of(rows_B: Sequence[int], tuning: Tuning, dropout: tuple[int, int] | None) -> torch.Tensor:
    with torch.inference_mode():
        return tuning.tuned.rows(rows_B, dropout).means_BLD()


def test_only_the_chosen_layers_change(wavlm: Path, files: list[AudioFile], features: Path) -> None:
    tuning = Tuning(wavlm, files, features, trainable={"top": 1}, seeds=2)
    before = tuning.weights()
    tuning.train()
    assert (moved := changed(before, tuning.weights()))
    assert all(".layers.1." in f".{name}" or "layer_norm" in name for name in moved)


def test_all_leaves_the_convolutions_as_they_were(wavlm: Path, files: list[AudioFile], features: Path) -> None:
    tuning = Tuning(wavlm, files, features)
    before = tuning.weights()
    tuning.train()
    moved = changed(before, tuning.weights())
    assert any(".layers.0." in f".{name}" for name in moved)
    assert not any("feature_extractor" in name for name in moved)


def test_the_best_epoch_of_the_best_run_is_what_it_ends_with(
    wavlm: Path, files: list[AudioFile], features: Path
) -> None:
    """Nothing is learnt from the clips held out; the encoder and the head are those that gave the UA that is told."""
    tuning = Tuning(wavlm, files, features, seeds=2, learning_rate=0.01, epochs=4)
    made = tuning.train()
    assert not made.on_all_clips
    assert made.kept.weights is not None
    with torch.inference_mode():
        logits_NC = made.head(tuning.tuned.rows(made.kept.split.held_out, None))
    gold_N = tuning.clips.labels_N[made.kept.split.held_out]
    recalls = [(logits_NC.argmax(dim=-1)[gold_N == c] == c).float().mean().item() for c in (0, 1)]
    assert sum(recalls) / 2 == pytest.approx(made.kept.ua)
    heard = made.kept.split.train
    torch.testing.assert_close(made.head.mean_LD, tuning.clips.features.rows(heard).means_BLD().mean(dim=0))


def test_each_seed_starts_from_the_pretrained_weights(wavlm: Path, files: list[AudioFile], features: Path) -> None:
    two = Tuning(wavlm, files, features, seeds=2).train().runs[1]
    alone = Tuning(wavlm, files, features, seed=1).train().runs[0]
    assert two.ua == alone.ua
    assert two.weights is not None
    assert alone.weights is not None
    assert all(torch.equal(a, b) for a, b in zip(two.weights, alone.weights, strict=True))


@pytest.mark.parametrize(
    "pooling",
    ["mean", "attentive", {"kind": "label_signal", "size": 8, "heads": 2}],
    ids=["mean", "attentive", "label"],
)
def test_stopped_it_goes_on_to_the_same_bits(wavlm: Path, files: list[AudioFile], features: Path, pooling: Any) -> None:
    whole = Tuning(wavlm, files, features, pooling=pooling)
    head = whole.train().head
    stopped, resumed = MemoryWork(interrupt_after=2), MemoryWork()
    with pytest.raises(KeyboardInterrupt):
        Tuning(wavlm, files, features, pooling=pooling).train(stopped)
    resumed.checkpoints = stopped.checkpoints
    again = Tuning(wavlm, files, features, pooling=pooling)
    assert all(torch.equal(again_t, t) for again_t, t in zip(
        again.train(resumed).head.state_dict().values(), head.state_dict().values(), strict=True
    ))  # fmt: skip
    assert not changed(whole.weights(), again.weights())


def test_dropout_in_the_encoder_is_live_by_seed_and_step_alone(
    wavlm: Path, files: list[AudioFile], features: Path
) -> None:
    """Whatever the batch; LayerDrop, which drops every other layer here, stays off."""
    tuning = Tuning(wavlm, files, features)
    one, again = mean_of([3, 5], tuning, (0, 7)), mean_of([5, 3, 1], tuning, (0, 7))
    torch.testing.assert_close(one, again[[1, 0]], atol=1e-5, rtol=0)
    for other in ((0, 8), (1, 7), None):
        assert (mean_of([3, 5], tuning, other) - one).abs().max() > 1e-3
    torch.testing.assert_close(mean_of([3], tuning, None), tuning.clips.features.rows([3]).means_BLD())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_in_the_precision_of_the_encoder(
    wavlm: Path, files: list[AudioFile], features: Path, precision: str
) -> None:
    tuning = Tuning(wavlm, files, features, encoder={"precision": precision}, epochs=8, learning_rate=0.01)
    made = tuning.train()
    assert made.kept.ua > 0.9
    assert all(tensor.dtype == torch.float32 for tensor in tuning.weights().values() if tensor.is_floating_point())


def test_the_saved_encoder_hears_what_the_trained_one_hears(
    wavlm: Path, files: list[AudioFile], features: Path, tmp_path: Path
) -> None:
    tuning = Tuning(wavlm, files, features)
    tuning.train()
    tuning.tuned.save(tmp_path / "encoder")
    saved = features_of(
        files, HuggingFaceSettings(model=str(tmp_path / "encoder")), tmp_path / "features", device="cpu"
    )
    torch.testing.assert_close(saved.rows(EVERY).means_BLD(), mean_of(EVERY, tuning, None), atol=1e-5, rtol=0)


def test_an_encoder_that_was_driven_out_of_its_numbers_is_told(
    wavlm: Path, files: list[AudioFile], features: Path
) -> None:
    with pytest.raises(TrainingError, match=r"[Ll]ower source\..*encoder_learning_rate"):
        Tuning(wavlm, files, features, encoder_learning_rate=1e30).train()
