"""What a rule sees of the clips, when it is known who speaks and when not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.encoders.embedding import embed
from tasks.encoders.features import Features
from tasks.encoders.speakers import SpeakerCentred
from tasks.fusion import Rule
from tasks.fusion.base import Draws, fused_by


def seen_by(
    rule: Rule, draws: Sequence[Draws], features: Features, speakers: Sequence[str | None]
) -> NDArray[np.float32] | None:
    """The clips' places for rules that look at them, shape (N, D); None for those that look at draws alone.

    A rule looks twice where it is known who speaks: what tells speakers apart is what is left of their clips once the
    labels of the first look have explained their part.

    Args:
        rule: Fitted here for the first look.
        draws: Of each teacher.
        features: What an encoder makes of the clips.
        speakers: Who speaks; None where that is not known.
    """
    if not rule.sees:
        return None
    seen_ND = embed(features)
    if all(name is None for name in speakers):
        return seen_ND
    fitted = rule.fit(draws, [str(t) for t in range(len(draws))], seen_ND)
    return embed(SpeakerCentred(features, speakers, np.asarray(fused_by(fitted, draws, seen_ND).probs_NC)))
