"""Zero-shot classification by cosines, and a class's vector from several texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cosine
from scipy.special import softmax

from tasks.maths.zero_shot import ensemble, zero_shot_probs

FloatArray = NDArray[np.float64]


def vectors(*shape: int) -> st.SearchStrategy[FloatArray]:
    """Not near 0, where a direction is a matter of rounding."""
    return arrays(float, shape, elements=st.floats(0.1, 3)).flatmap(
        lambda values: arrays(float, shape, elements=st.sampled_from([-1.0, 1.0])).map(lambda signs: signs * values)
    )


@given(clips_ND=vectors(3, 4), classes_CD=vectors(2, 4), scale=st.floats(0.1, 100))
def test_probabilities_are_those_of_a_literal_second_implementation(
    clips_ND: FloatArray, classes_CD: FloatArray, scale: float
) -> None:
    expected = [softmax([scale * (1 - cosine(a, t)) for t in classes_CD]) for a in clips_ND]
    np.testing.assert_allclose(zero_shot_probs(clips_ND, classes_CD, scale), expected, atol=1e-9)


@given(clips_ND=vectors(2, 3), classes_CD=vectors(3, 3))
def test_only_directions_count(clips_ND: FloatArray, classes_CD: FloatArray) -> None:
    longer = zero_shot_probs(7 * clips_ND, classes_CD * [[1.0], [2.0], [3.0]], 10.0)
    np.testing.assert_allclose(longer, zero_shot_probs(clips_ND, classes_CD, 10.0), atol=1e-12)


def test_a_clip_that_lies_on_a_text_is_of_its_class() -> None:
    texts_CD = np.eye(3)
    assert zero_shot_probs(texts_CD, texts_CD, 50.0).argmax(axis=1).tolist() == [0, 1, 2]


@given(vectors_PCD=vectors(1, 2, 3))
def test_the_ensemble_of_one_text_is_that_text(vectors_PCD: FloatArray) -> None:
    expected = vectors_PCD[0] / np.linalg.norm(vectors_PCD[0], axis=1, keepdims=True)
    np.testing.assert_allclose(ensemble(vectors_PCD), expected, atol=1e-12)


def test_in_an_ensemble_a_long_vector_counts_as_much_as_a_short_one() -> None:
    """By hand: the directions of (100, 0) and (0, 1) lie 90 degrees apart, their mean at 45."""
    np.testing.assert_allclose(ensemble(np.array([[[100.0, 0.0]], [[0.0, 1.0]]])), [[np.sqrt(0.5), np.sqrt(0.5)]])


def test_texts_that_cancel_each_other_out_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 of 1 vectors have no direction \(length 0 or NaN\)"):
        ensemble(np.array([[[1.0, 0.0]], [[-1.0, 0.0]]]))


def test_a_clip_without_a_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 vectors have no direction"):
        zero_shot_probs(np.array([[1.0, 0.0], [np.nan, 1.0]]), np.eye(2), 1.0)


def test_no_text_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected texts of shape \(P, C, D\) with P > 0, found \(0, 2, 3\)"):
        ensemble(np.zeros((0, 2, 3)))


def test_a_scale_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="the logit scale must be above 0, got 0"):
        zero_shot_probs(np.eye(2), np.eye(2), 0)
