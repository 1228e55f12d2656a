"""How an emotion changes a voice: cues from the literature, as differences from a speaker's habit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Manner:
    """How something is said. Differences from a plain, friendly reading; logs are natural."""

    pitch_st: float = 0.0
    log_range: float = 0.0  # size of accents
    log_rate: float = 0.0  # syllables per second
    level_db: float = 0.0
    dynamics_db: float = 0.0  # how much louder accents are
    effort: float = 0.0  # the voice's brightness, see Tracks.effort_T
    breath: float = 0.0
    log_jitter: float = 0.0  # and shimmer
    creak: float = 0.0
    declination_st_s: float = 0.0
    final_st: float = 0.0  # rise or fall of the last syllable
    log_attack: float = 0.0  # how abruptly accents and syllables begin
    log_articulation: float = 0.0  # size of the vowel space
    smile: float = 0.0  # formants' shift, as a share: spread or rounded lips
    pauses: float = 0.0  # change of a pause's chance


CUE_NAMES = tuple(field.name for field in fields(Manner))

# Directions: Banse & Scherer 1996; Juslin & Laukka 2003; smile: Tartter 1980. Sizes: so that pitch, rate and brightness
# differ between the emotions about as much as they do in acted corpora; anger's range is smaller than there, so that
# the simulated LALM can tell it from joy.
CUES: Mapping[str, Manner] = {
    "angry": Manner(
        pitch_st=3.5, log_range=0.0, log_rate=0.14, level_db=7, dynamics_db=3, effort=0.5, breath=-0.01, log_jitter=0.2,
        declination_st_s=-0.6, final_st=-2.0, log_attack=0.5, log_articulation=0.15, smile=-0.01, pauses=-0.1,
    ),
    "happy": Manner(
        pitch_st=4.5, log_range=0.55, log_rate=0.15, level_db=4, dynamics_db=1.5, effort=0.2, log_jitter=-0.5,
        declination_st_s=0.8, final_st=2.0, log_attack=0.1, log_articulation=0.1, smile=0.05, pauses=-0.1,
    ),
    "neutral": Manner(),
    "sad": Manner(
        pitch_st=-1.0, log_range=-0.5, log_rate=-0.2, level_db=-5, dynamics_db=-1.5, effort=-0.2, breath=0.02,
        log_jitter=0.3, creak=0.12, declination_st_s=-0.8, final_st=-1.0, log_attack=-0.3, log_articulation=-0.2,
        smile=-0.02, pauses=0.15,
    ),
}  # fmt: skip

# From clip to clip, whatever the emotion: words, mood of the day, distance to the microphone.
SPREAD = Manner(
    pitch_st=0.8, log_range=0.12, log_rate=0.06, level_db=2.0, dynamics_db=0.6, effort=0.035, breath=0.008,
    log_jitter=0.15, creak=0.03, declination_st_s=0.4, final_st=0.8, log_attack=0.12, log_articulation=0.06,
    smile=0.01, pauses=0.08,
)  # fmt: skip


def express(
    emotion: str, intensity: float, style: Mapping[str, float], habit: Manner, rng: np.random.Generator
) -> Manner:
    """One clip's manner: the speaker's habit, the emotion's cues as strong as this speaker uses each, and chance.

    Args:
        intensity: 0 is no expression at all, 1 is clear acting.
        style: Factor per cue; a cue that is not named has factor 1.
    """
    cues, spread, base = asdict(CUES[emotion]), asdict(SPREAD), asdict(habit)
    chance = dict(zip(CUE_NAMES, rng.standard_normal(len(CUE_NAMES)), strict=True))
    return Manner(**{c: base[c] + intensity * style.get(c, 1.0) * cues[c] + spread[c] * chance[c] for c in CUE_NAMES})
