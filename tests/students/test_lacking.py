"""Trainers whose classifier has never met a class, or leaves out labels that mean none."""

from typing import Any

import numpy as np
import pytest
import torch

from tasks.encoders.embedding import embed
from tasks.encoders.features import Means
from tasks.fusion.base import Draws
from tasks.fusion.completing import completed
from tasks.fusion.generative import GenerativeRule
from tasks.maths.uncertainty import mean_draw
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.opening import opened_head
from tasks.students.loop import Loop
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.relabelling import relabelled
from tests.students.relabelling_toys import TRUTH_N, N, clips, target_of
from tests.students.test_relabelling import heard_by

LACKS = np.array([[False, False, False], [False, False, True]])
SETTINGS = MIFuseSettings(recipe="paper", steps=2, batch_size=8)


@pytest.fixture
def opened(config: ClassifierConfig) -> Head:
    torch.manual_seed(0)
    return opened_head(Head(config.model_copy(update={"classes": ["angry", "happy"]})).eval(), ["sad"])


@pytest.fixture
def silent(config: ClassifierConfig) -> Head:
    """Three classes and a fourth output that means none, on which all of its mass is."""
    torch.manual_seed(0)
    head = Head(config.model_copy(update={"groups": [0, 1, 2, None]})).eval()
    with torch.no_grad():
        head.to_logits.bias[3] = 50.0
    return head


def test_labels_made_anew_complete_the_classifier_heard_anew(opened: Head) -> None:
    """Its open place is no word of the teacher's: what the paid one says of the class stands in its place."""
    data = target_of(clips(), lacks_TC=LACKS)
    said = [
        Draws(d.probs_NKC.double().numpy(), d.valid_NK.numpy()) for d in (data.draws[0], heard_by(opened, data)) if d
    ]
    whole, seen_ND = completed(said, LACKS), embed(data.features)
    expected_NC = GenerativeRule().fit(whole, [], seen_ND).posterior(whole, seen_ND)
    np.testing.assert_allclose(relabelled(opened, data, seed=0).labels_NC, expected_NC, atol=1e-4)


def test_passes_that_are_nothing_but_unmapped_have_no_word_in_labels_made_anew(silent: Head) -> None:
    """As if the classifier had not been asked; noise of 1e-20 of its mass would have had a full vote."""
    data = target_of(clips())
    assert data.draws[0] is not None
    nothing = Draws(np.zeros((N, 8, 3)), np.zeros((N, 8), dtype=bool))
    said = [Draws(data.draws[0].probs_NKC.double().numpy(), data.draws[0].valid_NK.numpy()), nothing]
    seen_ND = embed(data.features)
    expected_NC = GenerativeRule().fit(said, [], seen_ND).posterior(said, seen_ND)
    np.testing.assert_allclose(relabelled(silent, data, seed=0).labels_NC, expected_NC, atol=1e-4)


def test_a_clip_of_which_nobody_says_anything_keeps_the_label_that_it_came_with(silent: Head) -> None:
    refused = Draws(torch.zeros(N, 5, 3), torch.zeros(N, 5, dtype=torch.bool))
    came_NC = torch.rand(N, 3).softmax(dim=-1)
    data = target_of(clips(), draws=[refused], labels_NC=came_NC)
    torch.testing.assert_close(relabelled(silent, data, seed=0).labels_NC, came_NC)


@pytest.mark.parametrize("refresh", ["step", "epoch"])
def test_passes_that_are_nothing_but_unmapped_have_no_word_in_labels_fused_anew(
    silent: Head, data_of: Any, refresh: str
) -> None:
    """A clip's label is then the LALM's mean; the two clips without enough of it keep theirs."""
    data = data_of(n=8)
    settings = SETTINGS.model_copy(update={"teacher_refresh": refresh})
    loop: Loop = settings.loop(silent, settings.prepared(silent, data, ["angry", "happy", "sad"]), list("ahs"))
    loop.advance()
    _, rows_B = loop._order or (0, torch.arange(0))
    expected_NC = mean_draw(data.draws[0].probs_NKC, data.draws[0].valid_NK)
    expected_NC[:2] = data.labels_NC[:2]
    torch.testing.assert_close(loop._objective.target_BC(), expected_NC[rows_B])


def test_a_student_of_an_opened_classifier_learns_the_class(opened: Head) -> None:
    labels_NC = torch.nn.functional.one_hot(TRUTH_N, 3).float()
    settings = MIFuseSettings(recipe="paper", teacher_refresh="never", steps=150, learning_rate=0.02, batch_size=32)
    data = target_of(clips(), labels_NC=labels_NC, draws=[])
    student = settings.train(opened, data, opened.config.classes, None, lambda point: None, lambda n: None)
    assert student.head.config.classes == ["angry", "happy", "sad"]
    named_N = student.head(Means(clips()).rows(range(N))).argmax(dim=1)
    assert (named_N[TRUTH_N == 2] == 2).float().mean() > 0.8
