"""The demo's corpora: reproducible, readable, labelled as synthetic, and shifted against each other."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.storage.audio import read_audio
from tasks.synthesis.corpus import COLUMNS, DomainName, make_corpus

PER_CLASS = 12
Row = dict[str, str]


def rows_of(manifest: Path) -> list[Row]:
    with manifest.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digest_of(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(f.relative_to(folder)).encode() + f.read_bytes() for f in files)).hexdigest()


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[DomainName, Path]:
    root = tmp_path_factory.mktemp("corpora")
    return {
        "source": make_corpus(root / "source", "source", 0, PER_CLASS),
        "target": make_corpus(root / "target", "target", 0, PER_CLASS),
    }


@pytest.fixture(params=["source", "target"])
def manifest(request: pytest.FixtureRequest, corpora: dict[DomainName, Path]) -> Path:
    return corpora[request.param]


def test_the_manifest_names_every_file_once(manifest: Path) -> None:
    rows = rows_of(manifest)
    assert tuple(rows[0]) == COLUMNS
    assert {row["path"] for row in rows} == {f"audio/{f.name}" for f in (manifest.parent / "audio").iterdir()}


def test_every_class_has_as_many_clips_as_asked(manifest: Path) -> None:
    counts = Counter(row["label"] for row in rows_of(manifest))
    assert counts == dict.fromkeys(("angry", "happy", "neutral", "sad"), PER_CLASS)


def test_clips_are_readable_finite_and_as_long_as_the_manifest_says(manifest: Path) -> None:
    for row in rows_of(manifest):
        wave = read_audio(manifest.parent / row["path"])
        assert np.isfinite(wave).all()
        assert len(wave) / 16_000 == pytest.approx(float(row["duration_s"]), abs=0.002)
        assert 1.0 < float(row["duration_s"]) < 3.5
        assert 0.01 < np.abs(wave).max() <= 1.0


def test_the_corpus_says_that_it_is_synthetic(manifest: Path) -> None:
    assert {row["corpus"] for row in rows_of(manifest)} == {f"mifuse-synthetic-{manifest.parent.name}"}


def test_no_name_tells_the_label(manifest: Path) -> None:
    for row in rows_of(manifest):
        assert row["label"] not in row["clip_id"] + row["path"]


def test_order_does_not_tell_the_label(manifest: Path) -> None:
    labels = [row["label"] for row in rows_of(manifest)]
    assert len({tuple(labels[start : start + 4]) for start in range(0, len(labels), 4)}) > 3


def test_the_domains_share_no_speaker(corpora: dict[DomainName, Path]) -> None:
    source, target = ({row["speaker"] for row in rows_of(manifest)} for manifest in corpora.values())
    assert not source & target


def test_the_target_is_recorded_at_another_rate_in_two_containers(corpora: dict[DomainName, Path]) -> None:
    files = list((corpora["target"].parent / "audio").iterdir())
    assert {soundfile.info(file).samplerate for file in files} == {12_000}
    assert {file.suffix for file in files} == {".flac", ".wav"}


@pytest.mark.parametrize("domain", ["source", "target"])
def test_the_same_seed_gives_the_same_bytes(domain: DomainName, tmp_path: Path) -> None:
    one, other = (make_corpus(tmp_path / name, domain, 7, 2).parent for name in ("one", "other"))
    assert digest_of(one) == digest_of(other)


def test_another_seed_gives_other_voices(tmp_path: Path) -> None:
    one, other = (make_corpus(tmp_path / str(seed), "source", seed, 1).parent for seed in (0, 1))
    assert digest_of(one) != digest_of(other)


def test_more_clips_leave_the_first_ones_as_they_were(corpora: dict[DomainName, Path], tmp_path: Path) -> None:
    few = make_corpus(tmp_path, "source", 0, 2)
    assert rows_of(few) == rows_of(corpora["source"])[:8]
    for row in rows_of(few):
        assert (tmp_path / row["path"]).read_bytes() == (corpora["source"].parent / row["path"]).read_bytes()


def rms_dbfs(wave_S: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(wave_S**2)))


def tilt_db(wave_S: np.ndarray) -> float:
    """Power of 1-5 kHz against that below."""
    power_F = np.abs(np.fft.rfft(wave_S)) ** 2
    hz_F = np.fft.rfftfreq(len(wave_S), 1 / 16_000)
    low, high = (power_F[(hz_F > start) & (hz_F < stop)].sum() for start, stop in ((50, 1000), (1000, 5000)))
    return float(10 * np.log10(high / low))


def measured(manifest: Path, label: str, measure: Callable[[np.ndarray], float]) -> list[float]:
    return [measure(read_audio(manifest.parent / row["path"])) for row in rows_of(manifest) if row["label"] == label]


@pytest.mark.parametrize("measure", [rms_dbfs, tilt_db], ids=["louder", "brighter"])
@pytest.mark.parametrize(("more", "less"), [("angry", "neutral"), ("neutral", "sad")])
def test_aroused_speech_is_on_average(
    corpora: dict[DomainName, Path], measure: Callable[[np.ndarray], float], more: str, less: str
) -> None:
    assert np.mean(measured(corpora["source"], more, measure)) > np.mean(measured(corpora["source"], less, measure))


@pytest.mark.parametrize(("louder", "softer"), [("angry", "happy"), ("happy", "neutral"), ("neutral", "sad")])
def test_emotions_overlap_in_level(corpora: dict[DomainName, Path], louder: str, softer: str) -> None:
    """No threshold on loudness solves the target."""
    assert min(measured(corpora["target"], louder, rms_dbfs)) < max(measured(corpora["target"], softer, rms_dbfs))
