"""The consistency loss and the moving average of label embeddings, by hand; training a source classifier with both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cosine
from scipy.special import rel_entr, softmax

from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.students.label_signal_training import LabelTraining
from tasks.students.losses import label_consistency, label_scores
from tasks.students.source import SourceClassifier, train_source_classifier
from tasks.students.source_settings import SourceTraining
from tests.students.source_toys import MemoryWork, toy

LOGITS = arrays(np.float64, (5, 3), elements=st.floats(-20, 20))
TRAINING = SourceTraining(epochs=6, patience=3)


def with_signals(config: ClassifierConfig, **changed: Any) -> ClassifierConfig:
    given = {"kind": "label_signal", "size": 8, "heads": 2} | changed
    return ClassifierConfig.model_validate(config.model_dump() | {"pooling": given})


def labels_of(head: Head) -> torch.nn.Parameter:
    assert isinstance(head.pooling, LabelSignals)
    return head.pooling.labels_CD


def trained(config: ClassifierConfig, work: MemoryWork | None = None, **changed: Any) -> SourceClassifier:
    clips = toy(45, apart=1)
    return train_source_classifier(clips, with_signals(config, **changed), TRAINING, work or MemoryWork())


def test_scores_are_cosines_over_the_temperature() -> None:
    rng = np.random.default_rng(0)
    pooled_ND, labels_CD = rng.normal(size=(5, 7)), rng.normal(size=(3, 7))
    expected = [[(1 - cosine(h, label)) / 0.3 for label in labels_CD] for h in pooled_ND]
    found = label_scores(torch.from_numpy(pooled_ND), torch.from_numpy(labels_CD), 0.3)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@given(LOGITS, LOGITS)
def test_consistency_is_the_jensen_shannon_divergence(one: np.ndarray, other: np.ndarray) -> None:
    """From SciPy's relative entropies; its `jensenshannon` takes a root, of less than 0 where two are almost equal."""
    p, q = softmax(one, axis=1), softmax(other, axis=1)
    middle = (p + q) / 2
    expected = ((rel_entr(p, middle) + rel_entr(q, middle)) / 2).sum(axis=1).mean()
    found = label_consistency(torch.from_numpy(one), torch.from_numpy(other)).item()
    assert found == pytest.approx(expected, abs=1e-9)
    assert -1e-12 <= found <= math.log(2) + 1e-12
    assert found == pytest.approx(label_consistency(torch.from_numpy(other), torch.from_numpy(one)).item(), abs=1e-12)


def test_both_what_is_said_and_where_the_embeddings_lie_are_moved(config: ClassifierConfig) -> None:
    logits, pooled, labels = (torch.randn(*size, requires_grad=True) for size in ((4, 3), (4, 6), (3, 6)))
    label_consistency(logits, label_scores(pooled, labels, 1.0)).backward()
    assert all(tensor.grad is not None and tensor.grad.abs().max() > 0 for tensor in (logits, pooled, labels))


def test_the_loss_is_the_consistency_times_its_weight(config: ClassifierConfig) -> None:
    head = Head(with_signals(config, consistency=0.4, temperature=0.2))
    logits_BC, pooled_BD = torch.randn(4, 3), torch.randn(4, 8)
    expected = 0.4 * label_consistency(logits_BC, label_scores(pooled_BD, labels_of(head), 0.2))
    assert LabelTraining(head).parts(logits_BC, pooled_BD) == {"apc": expected}


def test_the_average_over_epochs_is_the_recurrence(config: ClassifierConfig) -> None:
    head = Head(with_signals(config, moving_average=0.9))
    training, moved = LabelTraining(head), torch.Generator().manual_seed(0)
    expected = labels_of(head).detach().double().numpy()
    for _ in range(4):
        training.begin_epoch()
        step_CD = torch.randn(3, 8, generator=moved)
        with torch.no_grad():
            labels_of(head).add_(step_CD)
        training.end_epoch()
        expected = 0.9 * expected + 0.1 * (expected + step_CD.double().numpy())
        np.testing.assert_allclose(labels_of(head).detach().numpy(), expected, atol=1e-6)


def test_without_an_average_an_epoch_ends_where_it_ended(config: ClassifierConfig) -> None:
    head = Head(with_signals(config, moving_average=0))
    training = LabelTraining(head)
    training.begin_epoch()
    with torch.no_grad():
        labels_of(head).normal_()
    there = labels_of(head).detach().clone()
    training.end_epoch()
    assert torch.equal(labels_of(head), there)


def test_a_head_without_label_signals_has_nothing_of_it(config: ClassifierConfig) -> None:
    head = Head(config)
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    training = LabelTraining(head)
    training.begin_epoch()
    assert training.parts(torch.randn(2, 3), torch.randn(2, 5)) == {}
    training.end_epoch()
    assert all(torch.equal(tensor, before[name]) for name, tensor in head.state_dict().items())


def test_embeddings_are_of_the_heads_outputs_and_add_up_to_classes_as_these_do(config: ClassifierConfig) -> None:
    """Four outputs, the last two of which are one class: its share of q is that of both."""
    head = Head(with_signals(config.model_copy(update={"groups": [0, 1, 2, 2]}), consistency=1.0))
    logits_BC, pooled_BD = torch.randn(5, 3), torch.randn(5, 8)
    q_BO = label_scores(pooled_BD, labels_of(head), 1.0).softmax(dim=-1)
    q_BC = torch.stack([q_BO[:, 0], q_BO[:, 1], q_BO[:, 2] + q_BO[:, 3]], dim=-1)
    expected = label_consistency(logits_BC, q_BC.log())
    torch.testing.assert_close(LabelTraining(head).parts(logits_BC, pooled_BD)["apc"], expected)


def test_a_source_classifier_with_label_signals_learns(config: ClassifierConfig) -> None:
    clips, training = toy(45, apart=6), SourceTraining(epochs=20, patience=20, learning_rate=0.01, batch_size=8)
    assert train_source_classifier(clips, with_signals(config), training, MemoryWork()).kept.ua > 0.9


@pytest.mark.parametrize("changed", [{"consistency": 0.5}, {"moving_average": 0.0}, {"temperature": 0.1}])
def test_each_setting_makes_another_source_classifier(config: ClassifierConfig, changed: dict[str, Any]) -> None:
    one, other = trained(config).head.state_dict(), trained(config, **changed).head.state_dict()
    assert not torch.equal(one["pooling.labels_CD"], other["pooling.labels_CD"])


def test_the_slower_the_average_the_less_the_embeddings_move(config: ClassifierConfig) -> None:
    torch.manual_seed(0)  # the first run's seed
    start_CD = labels_of(Head(with_signals(config))).detach()
    heads = [trained(config, moving_average=alpha).head for alpha in (0, 0.9, 0.999)]
    moved = [float((labels_of(head).detach() - start_CD).norm()) for head in heads]
    assert moved[0] > 2 * moved[1] > 20 * moved[2] > 0


@pytest.mark.parametrize("epochs", [1, 4, 7])
def test_stopped_after_any_epoch_it_goes_on_to_the_same_bits(config: ClassifierConfig, epochs: int) -> None:
    stopped, resumed = MemoryWork(interrupt_after=epochs), MemoryWork()
    with pytest.raises(KeyboardInterrupt):
        trained(config, stopped)
    resumed.checkpoints = stopped.checkpoints
    whole, again = trained(config).head.state_dict(), trained(config, resumed).head.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())
