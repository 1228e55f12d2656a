"""MI-Fuse with an encoder in training: one step against the formulas, and what a step may be cut into."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import AudioFile
from tasks.fusion.base import Draws, fuse
from tasks.maths.threads import one_thread
from tasks.students.base import Checkpoint
from tasks.students.chance import DROPOUT, FIRST_FREE_STREAM, Chance
from tasks.students.finetune_labels import stream_seed
from tests.students.finetune_toys import CLASSES, N, Tuning, record
from tests.students.source_toys import save_wavlm

New = Callable[..., Tuning]
NO_DROPOUT = dict.fromkeys(("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"), 0.0)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> New:
    """A training at its first step; LayerDrop would drop every other layer, and must stay off."""
    root = tmp_path_factory.mktemp("fine-tuning")
    files = record(root / "audio")
    encoders = {
        True: save_wavlm(root / "wavlm", hidden_dropout=0.2, attention_dropout=0.1, layerdrop=0.5),
        False: save_wavlm(root / "still", **NO_DROPOUT),
    }
    return lambda drops=True, **given: Tuning(encoders[drops], files, root / f"features-{drops}", **given)


def weights_of(tuning: Tuning) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in tuning.encoder.state_dict().items()}


def assert_close(one: Checkpoint, other: Checkpoint, atol: float) -> None:
    """Student, moving teacher and curves."""
    for name in ("student", "labels"):
        pairs = zip(tensors_of(one.state[name]), tensors_of(other.state[name]), strict=True)
        for a, b in pairs:
            torch.testing.assert_close(a, b, atol=atol, rtol=0)
    for point, expected in zip(one.curves, other.curves, strict=True):
        assert point == pytest.approx(expected, abs=max(atol, 1e-12))


def tensors_of(state: Any) -> list[torch.Tensor]:
    return list(state) if isinstance(state, list) else list(state["teacher"])


@pytest.mark.parametrize("refresh", ["step", "epoch", "never"])
def test_without_a_moving_encoder_it_is_the_training_over_stored_features(new: New, refresh: str) -> None:
    """The same order, masks, labels, loss and steps, down to the curves: only who hears the clips differs."""
    tuning = new(drops=False, encoder_learning_rate=1e-30, clip_norm=1e6, steps=6, teacher_refresh=refresh)
    head, called = copy.deepcopy(tuning.head), (None, lambda point: None, lambda steps: None)
    made = tuning.loop().run(*called)
    expected = tuning.settings.loop(head, tuning.stored, CLASSES).run(*called)
    assert [point["step"] for point in made.curves] == [1, 6]
    for point, expected_point in zip(made.curves, expected.curves, strict=True):
        assert point == pytest.approx(expected_point, abs=2e-5)
    assert made.named is not None
    assert expected.named is not None
    assert made.named.steps == expected.named.steps
    assert torch.equal(made.named.classes_PM, expected.named.classes_PM)


def step_by_hand(tuning: Tuning) -> tuple[list[torch.Tensor], float]:
    """The first step as the formulas have it, in one graph: weights afterwards, and the loss before."""
    settings, clips = tuning.settings, tuning.clips
    loop = tuning.loop()
    [batch] = loop.sharing().batches(0, 1)
    [micro] = batch.micros
    of_batch = [micro.places.index(place) for place in range(len(micro.places))]
    rows_M, chance = torch.tensor(micro.rows), Chance(settings.seed)
    keys_MK = chance.keys(FIRST_FREE_STREAM, 0, rows_M, 8)
    network = loop._student
    probs_BKC = network.passes(micro, keys_MK, None, gradients=False).softmax(dim=-1)[of_batch]
    lalm = tuning.data.draws[0]
    assert lalm is not None
    draws = [
        Draws(lalm.probs_NKC[batch.rows_B], lalm.valid_NK[batch.rows_B]),
        Draws(probs_BKC, torch.ones(probs_BKC.shape[:2], dtype=torch.bool)),
    ]
    assert tuning.data.rule is not None
    target_BC = fuse(tuning.data.rule.weights(draws), draws)  # type: ignore[union-attr]
    live = clips.live(micro.rows, (0,), stream_seed(settings.seed, DROPOUT))
    logits_BC = network.passes(micro, chance.keys(DROPOUT, 0, rows_M), live, gradients=True)[of_batch, 0]
    cross_entropy = -(target_BC * logits_BC.log_softmax(dim=-1)).sum(dim=-1).mean()
    mean_C = logits_BC.softmax(dim=-1).mean(dim=0)
    loss = cross_entropy + settings.diversity * (mean_C * mean_C.log()).sum()
    loss.backward()
    encoder = clips.trained()
    torch.nn.utils.clip_grad_norm_([*network.head.parameters(), *encoder], settings.clip_norm)
    groups = [
        {"params": list(network.head.parameters()), "lr": settings.learning_rate * settings.learning_rate_factor(0)},
        {"params": encoder, "lr": settings.encoder_learning_rate * settings.learning_rate_factor(0)},
    ]
    torch.optim.AdamW(groups, weight_decay=settings.weight_decay).step()
    return network.weights(), loss.item()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_is_that_of_the_formulas(new: New, accumulate: int) -> None:
    """Also from micro-batches, although the part for diversity joins all clips."""
    given = {"diversity": 0.7, "warmup": 0.5}
    expected, loss = step_by_hand(new(**given))
    tuning = new(**given, accumulate=accumulate)
    start = [parameter.detach().clone() for parameter in (*tuning.head.parameters(), *tuning.clips.trained())]
    loop = tuning.loop()
    tuning.steps(loop, 1)
    made = loop.checkpoint()
    assert made.curves[0]["loss"] == pytest.approx(loss, abs=1e-6)
    for weights, by_hand in zip(made.state["student"], expected, strict=True):
        torch.testing.assert_close(weights, by_hand, atol=2e-6, rtol=0)
    for teacher, before, after in zip(made.state["labels"]["teacher"], start, expected, strict=True):
        torch.testing.assert_close(teacher, 0.9 * before + 0.1 * after, atol=2e-6, rtol=0)


@pytest.mark.parametrize("changed", [{"accumulate": 3}, {"gradient_checkpointing": True}])
def test_how_a_step_is_cut_up_does_not_change_it(new: New, changed: dict[str, Any]) -> None:
    assert_close(new(**changed).trained().checkpoint(), new().trained().checkpoint(), atol=1e-5)


@pytest.mark.parametrize(
    "pooling", ["attentive", {"kind": "label_signal", "size": 8, "heads": 2}], ids=["attentive", "label_signal"]
)
def test_with_pooling_over_frames_too(new: New, pooling: Any) -> None:
    one, other = (new(pooling=pooling, **more).trained().checkpoint() for more in ({}, {"accumulate": 2}))
    assert_close(one, other, atol=1e-5)


def test_with_dropout_all_the_teachers_encoder_drops_too(new: New) -> None:
    still, dropping = (new(teacher_drops=drops, steps=1).trained().checkpoint() for drops in (False, True))
    assert still.curves[0]["loss_div"] == dropping.curves[0]["loss_div"]
    assert still.curves[0]["loss_ce"] != dropping.curves[0]["loss_ce"]


@pytest.mark.parametrize("trainable", ["all", {"top": 1}])
def test_only_what_is_trainable_moves(new: New, trainable: Any) -> None:
    tuning = new(trainable=trainable)
    before = weights_of(tuning)
    tuning.trained()
    moved = {name for name, tensor in weights_of(tuning).items() if not torch.equal(tensor, before[name])}
    assert moved
    assert not any("feature_extractor" in name for name in moved)
    if trainable != "all":
        assert all(".layers.1." in f".{name}" or "layer_norm" in name for name in moved)


@pytest.mark.parametrize("refresh", ["step", "epoch"])
def test_stopped_it_goes_on_to_the_same_bits(new: New, refresh: str) -> None:
    whole = new(teacher_refresh=refresh)
    expected = whole.trained().checkpoint()
    stopped, again = new(teacher_refresh=refresh), new(teacher_refresh=refresh)
    loop = stopped.loop()
    stopped.steps(loop, 3)  # in the middle of the second epoch
    resumed = again.loop()
    resumed.restore(loop.checkpoint())
    again.steps(resumed, 1)
    assert_close(resumed.checkpoint(), expected, atol=0)
    assert all(torch.equal(tensor, whole.encoder.state_dict()[name]) for name, tensor in weights_of(again).items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_in_the_precision_of_the_encoder(new: New, precision: str) -> None:
    """The LALM is right, the classifier knows nothing: the student comes to say what the LALM says."""
    tuning = new(precision=precision, steps=40, batch_size=12, learning_rate=0.02)
    student = tuning.loop().run(None, keep=lambda point: None, report=lambda steps: None)
    assert student.curves[-1]["agreement"] >= student.curves[0]["agreement"]
    assert student.curves[-1]["agreement"] > 0.9
    weights = [*student.head.state_dict().values(), *tuning.encoder.state_dict().values()]
    assert {tensor.dtype for tensor in weights if tensor.is_floating_point()} == {torch.float32}


def test_it_calls_back_for_each_step_and_each_point_of_the_curves(new: New) -> None:
    tuning, steps, points = new(), [], []
    student = tuning.loop().run(None, keep=lambda point: None, report=steps.append, note=points.append)
    assert steps == [1] * 4
    assert points == student.curves
    assert student.named is not None
    assert student.named.classes_PM.shape == (5, N)


def test_rates_that_are_too_high_are_told(new: New) -> None:
    tuning = new(encoder_learning_rate=1e30, steps=20)
    with pytest.raises(TrainingError, match=r"[Ll]ower student\..*encoder_learning_rate"):
        tuning.trained()


def test_a_step_that_does_not_fit_into_memory_says_what_to_raise(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own error, from where it comes in truth: the encoder."""
    tuning = new(teacher_refresh="never")

    def full(*args: Any, **kwargs: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    loop = tuning.loop()
    batches = loop.sharing().batches(0, 2)
    loop.advance(next(batches))
    monkeypatch.setattr(tuning.encoder, "hear", full)
    with pytest.raises(
        TrainingError, match=r"not enough memory on cpu for 6 clips.*Raise student.accumulate \(now 1\)"
    ):
        loop.advance(next(batches))


def test_processes_at_different_steps_are_told(new: New) -> None:
    class Two:
        rank, count, device = 0, 2, None

        def total(self, values: torch.Tensor) -> torch.Tensor:
            return values + 3  # the other one's

    tuning = new()
    tuning.clips.processes = Two()
    with pytest.raises(TrainingError, match=r"process 0 is at 0, the mean is 1\.5.*share"):
        tuning.loop().run(None, keep=lambda point: None, report=lambda steps: None)


def test_a_changed_recording_is_told(new: New, tmp_path: Path) -> None:
    from tasks.contracts.errors import ClipsError

    tuning = new()
    first = tuning.files[0]
    (tmp_path / "other.wav").write_bytes(tuning.files[1].path.read_bytes())
    tuning.clips.files[0] = AudioFile(first.sha256, tmp_path / "other.wav", first.duration_s)
    with pytest.raises(ClipsError, match=r"other\.wav: has changed since it was indexed"):
        tuning.trained()
