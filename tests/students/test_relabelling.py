"""`labels: generative`, on made-up clips that lie by class, with one good teacher and one that is sure but bad."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.encoders.embedding import embed
from tasks.encoders.features import Means
from tasks.fusion.base import Draws, fused_by
from tasks.fusion.generative import GenerativeRule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.maths.uncertainty import mean_draw
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.base import TrainingData
from tasks.students.chance import FIRST_FREE_STREAM, Chance
from tasks.students.relabelling import relabelled
from tests.students.relabelling_toys import SPEAKERS, TRUTH_N, N, clips, make_bad, named_by, target_of, teacher

PASSES = FIRST_FREE_STREAM + 1  # the stream of the classifier's masks


@pytest.fixture
def bad(head: Head) -> Head:
    make_bad(head)
    return head


def heard_by(head: Head, data: TrainingData, seed: int = 0) -> Draws:
    """The classifier's draws over all clips at once, with the statistics of these clips."""
    own = copy.deepcopy(head)
    own.standardise_by(statistics_of(data.features))
    masks = own.keyed_masks(Chance(seed).keys(PASSES, 0, torch.arange(len(data)), data.classifier_draws))
    with torch.no_grad():
        probs_NKC = own(data.features.rows(range(len(data))), masks).softmax(dim=-1)
    return Draws(probs_NKC, torch.ones(probs_NKC.shape[:2], dtype=torch.bool))


def test_labels_beat_both_teachers_and_their_fusion_by_mutual_information(bad: Head) -> None:
    data = target_of(clips())
    said = [data.draws[0], heard_by(bad, data)]
    assert said[0] is not None
    alone = [named_by(mean_draw(draws.probs_NKC)) for draws in said if draws is not None]
    fused = named_by(fused_by(MutualInformationRule().fit(said, []), said).probs_NC)
    made = named_by(relabelled(bad, data, seed=0).labels_NC)
    assert alone[1] < 0.4 < 0.8 < said[1].probs_NKC.amax(dim=-1).mean()
    assert made > max(*alone, fused) + 0.1


def test_a_paid_teacher_that_is_sure_but_bad_costs_less_than_it_costs_mutual_information(head: Head) -> None:
    good, worse = teacher(0.7, 0.8, seed=1), teacher(0.0, 0.97, seed=2)
    fused = fused_by(MutualInformationRule().fit([good, worse], []), [good, worse]).probs_NC
    made = named_by(relabelled(head.eval(), target_of(clips(), draws=[good, worse]), seed=0).labels_NC)
    assert made > named_by(fused) + 0.2


def test_labels_are_the_generative_rules_over_the_classifier_heard_anew(bad: Head) -> None:
    """More clips than are heard at once, and in one go here: parts make no difference."""
    data = target_of(clips())
    said = [Draws(d.probs_NKC.double(), d.valid_NK) for d in (data.draws[0], heard_by(bad, data)) if d is not None]
    seen_ND = embed(data.features)
    expected_NC = GenerativeRule().fit(said, [], seen_ND).posterior([d.in_numpy() for d in said], seen_ND)
    np.testing.assert_allclose(relabelled(bad, data, seed=0).labels_NC, expected_NC, atol=1e-4)


def test_where_it_is_known_who_speaks_labels_are_better(bad: Head) -> None:
    data = target_of(clips(apart=3.0, of_speaker=6.0))
    untold, told = (relabelled(bad, replace(data, speakers=who), seed=0) for who in (None, SPEAKERS))
    assert named_by(told.labels_NC) > named_by(untold.labels_NC) + 0.05


def test_clips_of_whom_nobody_knows_who_speaks_are_labelled_as_if_nobody_had_asked(bad: Head) -> None:
    data = target_of(clips())
    untold, unknown = (relabelled(bad, replace(data, speakers=who), seed=0) for who in (None, [None] * N))
    torch.testing.assert_close(unknown.labels_NC, untold.labels_NC)


def test_features_of_the_student_stay_as_they_are(bad: Head) -> None:
    """Only the labels come from features without what tells the speakers apart."""
    data = target_of(clips(), speakers=SPEAKERS)
    made = relabelled(bad, data, seed=0)
    assert made.features is data.features
    assert made.draws is data.draws


def test_the_encoder_is_heard_as_it_was_before_its_training(bad: Head) -> None:
    class Moving(Means):
        def rows(self, rows_B: Any) -> Frames:
            raise AssertionError("an encoder in training was asked")

    means_NLD = clips()
    data = target_of(means_NLD, features=Moving(means_NLD), stored=Means(means_NLD))
    expected_NC = relabelled(bad, target_of(means_NLD), seed=0).labels_NC
    assert torch.equal(relabelled(bad, data, seed=0).labels_NC, expected_NC)


def test_the_classifier_is_left_as_it_is(bad: Head) -> None:
    before = copy.deepcopy(bad.state_dict())
    relabelled(bad, target_of(clips()), seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in bad.state_dict().items())


def test_the_seed_is_that_of_the_classifiers_dropout(bad: Head) -> None:
    first, again, other = (relabelled(bad, target_of(clips()), seed=seed).labels_NC for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_labels_are_distributions_in_single_precision(bad: Head) -> None:
    labels_NC = relabelled(bad, target_of(clips()), seed=0).labels_NC
    assert labels_NC.dtype == torch.float32
    torch.testing.assert_close(labels_NC.sum(dim=1), torch.ones(N))


def test_without_a_paid_teacher_the_classifier_and_the_places_are_left(bad: Head) -> None:
    assert relabelled(bad, target_of(clips(), draws=[]), seed=0).labels_NC.isfinite().all()


def test_a_clip_that_the_paid_teacher_did_not_answer_is_labelled_all_the_same(bad: Head) -> None:
    answers = teacher(0.7, 0.8, seed=1)
    answers.valid_NK[5], answers.probs_NKC[5] = False, 0
    labels_NC = relabelled(bad, target_of(clips(), draws=[answers]), seed=0).labels_NC
    assert labels_NC[5].argmax() == TRUTH_N[5]


def test_a_classifier_that_keeps_its_own_statistics_is_heard_with_them(bad: Head) -> None:
    """One that was trained without any is deaf to features that are standardised."""
    data = target_of(clips(), draws=[])
    features = data.features.rows(range(N))
    masks = bad.keyed_masks(Chance(0).keys(PASSES, 0, torch.arange(N), data.classifier_draws))
    with torch.no_grad():
        own = Draws(bad(features, masks).softmax(dim=-1).double().numpy(), np.ones((N, 8), dtype=bool))
    seen_ND = embed(data.features)
    expected_NC = GenerativeRule().fit([own], [], seen_ND).posterior([own], seen_ND)
    found_NC = relabelled(bad, data, seed=0, standardise="teacher").labels_NC
    np.testing.assert_allclose(found_NC, expected_NC, atol=1e-4)
    assert not np.allclose(found_NC, relabelled(bad, data, seed=0).labels_NC, atol=1e-2)


@pytest.mark.parametrize("speakers", [None, SPEAKERS], ids=["unknown", "known"])
def test_a_clip_that_is_not_finite_is_named_before_it_spoils_the_others(bad: Head, speakers: list[str] | None) -> None:
    means_NLD = clips()
    means_NLD[7, 1, 2] = torch.nan
    names = [f"clip-{n}.wav" for n in range(N)]
    with pytest.raises(TrainingError, match=r"^clip-7\.wav: its features are not finite"):
        relabelled(bad, target_of(means_NLD, names=names, speakers=speakers), seed=0)
