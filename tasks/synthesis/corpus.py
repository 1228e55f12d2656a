"""Two small corpora of the synthetic voice for the demo: a labelled studio source and a shifted, everyday target."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tasks.storage.files import make_folder, replacing
from tasks.synthesis.channel import PHONE, STUDIO, Channel, record, vary
from tasks.synthesis.manner import CUE_NAMES, CUES, Manner, express
from tasks.synthesis.utterance import Speaker, lay_out
from tasks.synthesis.voice import SAMPLE_RATE_HZ, speak

COLUMNS = ("clip_id", "path", "label", "speaker", "corpus", "language", "duration_s")
N_SPEAKERS = 12

DomainName = Literal["source", "target"]


@dataclass(frozen=True)
class Domain:
    """Who speaks, how, and through what."""

    number: int  # of the domain's stream of chance
    channel: Channel
    pitch_shift_st: float
    rate_hz: float  # syllables per second
    intensity: tuple[float, float]  # of expression: mean and standard deviation
    style: dict[str, float]  # how strongly each cue is used in this corpus
    sample_rate_hz: int
    suffixes: tuple[str, ...]  # of the files, in turn


# Actors press and breathe; in everyday talk melody, tempo and loudness carry more. Corpora differ in this as much as
# in their rooms, and no re-standardising of features undoes it.
EVERYDAY = {
    "pitch_st": 1.4, "log_range": 1.3, "log_rate": 1.5, "level_db": 1.4, "log_attack": 1.4, "final_st": 1.5,
    "effort": 0.5, "breath": 0.5, "creak": 0.5,
}  # fmt: skip

DOMAINS: dict[DomainName, Domain] = {
    "source": Domain(0, STUDIO, 0.0, 5.4, (1.45, 0.25), {}, 16_000, (".flac",)),
    "target": Domain(1, PHONE, 4.0, 7.0, (1.15, 0.25), EVERYDAY, 12_000, (".flac", ".wav")),
}


def make_corpus(folder: Path, domain: DomainName, seed: int = 0, clips_per_class: int = 60) -> Path:
    """Writes `audio/` and `manifest.csv`; the same seed gives the same bytes.

    Neither names nor order tell the label: whoever judges by the audio has only the audio.

    Returns:
        The manifest.
    """
    make_folder(folder / "audio")
    kind = DOMAINS[domain]
    rows: list[tuple[str, ...]] = []
    for speaker, label, wave_S in _clips(domain, seed, clips_per_class):
        clip_id = f"{speaker}-{len(rows):04d}"
        path = f"audio/{clip_id}{kind.suffixes[len(rows) % len(kind.suffixes)]}"
        _write(folder / path, wave_S, kind.sample_rate_hz)
        duration_s = f"{len(wave_S) / SAMPLE_RATE_HZ:.3f}"
        rows.append((clip_id, path, label, speaker, f"mifuse-synthetic-{domain}", "und", duration_s))
    with replacing(folder / "manifest.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    return folder / "manifest.csv"


def _write(path: Path, wave_S: NDArray[np.float64], rate_hz: int) -> None:
    resampled_S = wave_S if rate_hz == SAMPLE_RATE_HZ else soxr.resample(wave_S, SAMPLE_RATE_HZ, rate_hz)
    soundfile.write(path, resampled_S, rate_hz, subtype="PCM_16")


def _clips(domain: DomainName, seed: int, clips_per_class: int) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Speaker, label, wave. Each clip has its own stream of chance, so more clips leave the first ones as they were."""
    kind = DOMAINS[domain]
    for block in range(clips_per_class):
        number = block % N_SPEAKERS
        of_speaker = np.random.default_rng([seed, kind.number, number])
        speaker = make_speaker(f"{domain}-{number:02d}", is_woman=number % 2 == 0, domain=kind, rng=of_speaker)
        channel = vary(kind.channel, of_speaker)
        for at in np.random.default_rng([seed, kind.number, 1000 + block]).permutation(len(CUES)):
            emotion = list(CUES)[at]
            rng = np.random.default_rng([seed, kind.number, 1000 + block, at])
            yield speaker.name, emotion, _say(speaker, emotion, kind, channel, rng)


def make_speaker(name: str, is_woman: bool, domain: Domain, rng: np.random.Generator) -> Speaker:
    """Taller people have lower formants and mostly lower voices; everyone has habits and uses the cues unequally."""
    size = rng.standard_normal()
    pitch_st = (23.5 if is_woman else 13.5) - 0.7 * size + 1.5 * rng.standard_normal() + domain.pitch_shift_st
    habit = Manner(
        log_range=0.1 * rng.standard_normal(),
        effort=0.04 * rng.standard_normal(),
        breath=0.01 * rng.standard_normal(),
        level_db=1.5 * rng.standard_normal(),
        log_jitter=0.2 * rng.standard_normal(),
    )
    style = {cue: domain.style.get(cue, 1.0) * rng.normal(1.0, 0.18) for cue in CUE_NAMES}
    rate_hz = domain.rate_hz * float(np.exp(0.08 * rng.standard_normal()))
    return Speaker(name, pitch_st, (1.16 if is_woman else 1.0) * (1 - 0.03 * size), rate_hz, habit, style)


def _say(
    speaker: Speaker, emotion: str, domain: Domain, channel: Channel, rng: np.random.Generator
) -> NDArray[np.float64]:
    intensity = float(np.clip(rng.normal(*domain.intensity), 0.2, 1.8))
    manner = express(emotion, intensity, speaker.style, speaker.habit, rng)
    tracks = lay_out(speaker, manner, rng.uniform(1.35, 2.15), rng)
    return record(speak(tracks, rng), manner.level_db, channel, rng)
