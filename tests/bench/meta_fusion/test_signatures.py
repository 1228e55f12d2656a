"""Each sign of failure shows where it is provoked."""

import pytest

from bench.meta_fusion.signatures import ALIKE, BELOW, HEALTHY, LESS, PROVOKED, signs_of
from bench.meta_fusion.trial import Trial


@pytest.mark.parametrize("sign", [ALIKE, BELOW, LESS])
def test_a_provoked_sign_is_told(sign: str) -> None:
    setting, make = next(made for name, made in PROVOKED.items() if sign in name)
    assert signs_of(Trial(setting, seed=0, epochs=1), make).errors[sign] == 1


def test_a_cohort_that_shares_its_latents_shows_none() -> None:
    setting, make = HEALTHY["2.1 shared"]
    assert signs_of(Trial(setting, seed=0, epochs=1), make).told["signs"] == []
