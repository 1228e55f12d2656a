"""Each speaker's own way of sounding, taken away: by hand, with frames, and where it is not known who speaks."""

import numpy as np
import pytest
import torch

from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.encoders.speakers import SpeakerCentred


class WithFrames:
    """Clips of 1, 2, … 5 and again 1, 2, … frames, shape (N, L, 5, D); what follows a clip's last frame is 0."""

    def __init__(self, n: int = 12, layers: int = 2, dim: int = 3) -> None:
        self.n_layers, self.dim = layers, dim
        self.n_frames_N = torch.arange(n) % 5 + 1
        self.is_frame_N1T1 = (torch.arange(5) < self.n_frames_N[:, None])[:, None, :, None]
        drawn = torch.randn(n, layers, 5, dim, generator=torch.Generator().manual_seed(0)) + 4
        self.values_NLTD = drawn * self.is_frame_N1T1

    def __len__(self) -> int:
        return len(self.n_frames_N)

    def rows(self, rows_B: list[int]) -> Frames:
        return Frames(self.values_NLTD[list(rows_B)], self.n_frames_N[list(rows_B)])

    def means_NLD(self) -> torch.Tensor:
        return self.rows(list(range(len(self)))).means_BLD()


def centred(values_ND: list[list[float]], speakers: list[str | None]) -> list[list[float]]:
    whole = SpeakerCentred(Means(torch.tensor(values_ND)[:, None]), speakers)
    return whole.rows(range(len(whole))).means_BLD()[:, 0].tolist()


def test_by_hand() -> None:
    """The mean of all is 3. Ann's two clips have the mean 6: 2/12 of the 3 above goes; Ben's, of mean 0, gain that."""
    found = centred([[5.0], [7.0], [1.0], [-1.0]], ["ann", "ann", "ben", "ben"])
    assert [value for (value,) in found] == pytest.approx([4.5, 6.5, 1.5, -0.5])


def test_a_speaker_with_one_clip_keeps_ten_elevenths_of_what_sets_it_apart() -> None:
    found = centred([[0.0], [0.0], [0.0], [44.0]], [None, None, None, "ann"])
    assert found[3][0] == pytest.approx(11 + 33 * 10 / 11)


def test_what_the_labels_explain_stays() -> None:
    """By hand. Ann was only angry (+ 8) and speaks 2 higher than the others; without labels all 10 count as hers."""
    values = [[10.0]] * 10 + [[8.0], [0.0]] * 10
    who: list[str | None] = ["ann"] * 10 + [None] * 20
    angry_N = np.array([1] * 10 + [1, 0] * 10)
    labels_NC = np.stack([angry_N, 1 - angry_N], axis=1).astype(np.float32)
    angry_mean = 9.0  # of ten of hers and ten others
    found = SpeakerCentred(Means(torch.tensor(values)[:, None]), who, labels_NC).rows([0, 10, 11]).means_BLD()
    assert found.flatten().tolist() == pytest.approx([10 - 0.5 * (10 - angry_mean), 8, 0])
    untold = centred(values, who)
    assert untold[0][0] == pytest.approx(10 - 0.5 * (10 - 6))


def test_shifts_are_those_of_a_literal_second_implementation_with_soft_labels() -> None:
    rng = np.random.default_rng(0)
    x_NLD, q_NC = rng.normal(size=(150, 2, 3)).astype(np.float32), rng.dirichlet([0.5] * 4, 150)
    who = [["ann", "ben", None][n] for n in rng.integers(0, 3, 150)]
    mu_CLD = np.stack([sum(q * x for q, x in zip(q_NC[:, c], x_NLD, strict=True)) / q_NC[:, c].sum() for c in range(4)])
    expected = x_NLD.astype(float)
    for name in ("ann", "ben"):
        own = [n for n, other in enumerate(who) if other == name]
        left = np.mean([x_NLD[n] - sum(q_NC[n, c] * mu_CLD[c] for c in range(4)) for n in own], axis=0)
        expected[own] -= len(own) / (len(own) + 10) * left
    whole = SpeakerCentred(Means(torch.from_numpy(x_NLD)), who, q_NC)
    np.testing.assert_allclose(whole.rows(range(150)).means_BLD().numpy(), expected, atol=1e-5)


def test_a_clip_without_a_label_counts_as_the_mean_clip() -> None:
    values = torch.tensor([[[0.0]], [[4.0]], [[8.0]], [[0.0]]])
    q_NC = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan], [1.0, 0.0]])
    filled_NC = np.where(np.isnan(q_NC), [2 / 3, 1 / 3], q_NC)
    who = ["ann", "ann", "ann", None]
    found, expected = (SpeakerCentred(Means(values), who, q).rows(range(4)).means_BLD() for q in (q_NC, filled_NC))
    torch.testing.assert_close(found, expected)


def test_labels_of_no_clip_are_as_none() -> None:
    values, who = torch.tensor([[[0.0]], [[4.0]], [[8.0]]]), ["ann", "ann", "ben"]
    unknown = SpeakerCentred(Means(values), who, np.full((3, 2), np.nan)).rows(range(3)).means_BLD()
    torch.testing.assert_close(unknown, SpeakerCentred(Means(values), who).rows(range(3)).means_BLD())


def test_clips_of_nobody_known_stay_as_they_are() -> None:
    values = [[0.0, 1.0], [2.0, 3.0], [50.0, 9.0]]
    assert centred(values, [None, None, "ann"])[:2] == values[:2]
    assert centred(values, [None, None, None]) == values


def test_a_speaker_of_many_clips_ends_near_the_mean_of_all() -> None:
    found = centred([[10.0]] * 490 + [[0.0]] * 490, ["ann"] * 490 + ["ben"] * 490)
    assert found[0][0] == pytest.approx(5 + 5 * 10 / 500, abs=1e-5)


def test_more_clips_than_are_read_at_once_are_all_counted() -> None:
    """150 clips are read in three parts; a second implementation counts them at once."""
    means_ND = np.random.default_rng(0).normal(3, 2, size=(150, 4)).astype(np.float32)
    who = [f"speaker {n}" for n in np.random.default_rng(1).integers(0, 7, 150)]
    expected_ND = means_ND.astype(float)
    for name in set(who):
        own = [n for n, other in enumerate(who) if other == name]
        shift_D = means_ND[own].mean(axis=0, dtype=float) - means_ND.mean(axis=0, dtype=float)
        expected_ND[own] -= len(own) / (len(own) + 10) * shift_D
    np.testing.assert_allclose(centred(means_ND.tolist(), list(who)), expected_ND, atol=1e-5)


def test_frames_shift_as_their_time_means_do() -> None:
    clips = WithFrames()
    who = ["ann", "ben", None] * 4
    of_frames = SpeakerCentred(clips, who).rows(range(12)).means_BLD()
    of_means = SpeakerCentred(Means(clips.means_NLD()), who).rows(range(12)).means_BLD()
    torch.testing.assert_close(of_frames, of_means)
    assert not torch.allclose(of_frames, clips.means_NLD())


def test_what_follows_a_clips_last_frame_stays_0() -> None:
    clips = WithFrames()
    heard = SpeakerCentred(clips, ["ann", "ben", "ann"] * 4).rows(range(12))
    assert not (heard.values_BLTD * ~clips.is_frame_N1T1).any()
    assert torch.equal(heard.n_frames_B, clips.n_frames_N)


def test_rows_come_as_asked_for() -> None:
    whole = SpeakerCentred(WithFrames(), ["ann", "ben", None] * 4)
    torch.testing.assert_close(whole.rows([7, 2]).means_BLD(), whole.rows(range(12)).means_BLD()[[7, 2]])


def test_it_is_as_large_as_what_it_was_made_of() -> None:
    whole = SpeakerCentred(WithFrames(), [None] * 12)
    assert (len(whole), whole.n_layers, whole.dim) == (12, 2, 3)


@pytest.mark.parametrize("count", [11, 13])
def test_another_number_of_speakers_than_clips_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} speakers and 12 labels for 12 clips: expected one per clip, None"):
        SpeakerCentred(WithFrames(), ["ann"] * count)


def test_another_number_of_labels_than_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="12 speakers and 3 labels for 12 clips: expected one per clip"):
        SpeakerCentred(WithFrames(), ["ann"] * 12, np.full((3, 2), 0.5))
