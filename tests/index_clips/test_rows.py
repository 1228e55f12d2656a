"""Every recording is a row of `clips.parquet`; bad audio is a row with a reason."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.contracts.errors import ClipsError
from tasks.storage.clips import read_usable_clips
from tests.index_clips.conftest import NOISE_1_S, Corpus


def test_a_usable_clip_is_told_column_by_column(corpus: Corpus) -> None:
    samples = np.tile([[0.5, -0.5]], (22_050, 1))
    path = corpus.add("a/b.flac", samples, rate_hz=44_100)
    manifest = "path,clip_id,label,speaker,language,transcript,split\na/b.flac,x,ang,s1,de,Ja.,test\n"
    assert corpus.index(manifest, labels={"ang": "angry"})["x"] == {
        "clip_id": "x",
        "path": "a/b.flac",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "duration_s": 0.5,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "rms_dbfs": -6.02,
        "status": "ok",
        "reason": None,
        "speaker": "s1",
        "language": "de",
        "transcript": "Ja.",
        "split": "test",
        "gold_label": "angry",
    }


def test_rows_are_in_order_of_clip_id(corpus: Corpus) -> None:
    for name in ("z.mp3", "a.ogg", "b/c.opus"):
        corpus.add(name)
    assert list(corpus.index()) == ["a", "b/c", "good", "z"]


def test_clips_quarantined_ones_and_hours_of_the_others_are_counted(corpus: Corpus) -> None:
    corpus.add("long.wav", np.tile(NOISE_1_S, 35))
    corpus.add("silent.wav", np.zeros(16_000))
    corpus.index()
    assert corpus.stats == {"clips": 3, "quarantined": 1, "hours": 0.01, "measured": 3}


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD: dict[str, tuple[Callable[[Corpus], object], str]] = {
    "text": (lambda c: (c.folder / "bad.wav").write_text("no audio"), "unreadable: Format not recognised"),
    "header only": (lambda c: c.add("bad.wav", np.zeros(0)), "empty: the file holds no sample"),
    "NaN": (
        lambda c: c.add("bad.wav", np.full(16_000, np.nan), subtype="FLOAT"),
        "not finite: the file holds NaN or infinite samples",
    ),
    "truncated": (
        lambda c: cut_in_half(c.add("bad.wav", np.tile(NOISE_1_S, 2))),
        "truncated: 1.00 s could be read, the header promises more",
    ),
    "too short": (lambda c: c.add("bad.wav", NOISE_1_S[:3_200]), "too short: 0.2 s, at least 0.3 s are needed"),
    "too long": (lambda c: c.add("bad.wav", np.tile(NOISE_1_S, 6)), "too long: 6.0 s, at most 5 s are taken"),
    "silent": (lambda c: c.add("bad.wav", np.zeros(16_000)), "silent: -120.0 dBFS, at least -70 are needed"),
    "nearly silent": (
        lambda c: c.add("bad.wav", np.full(16_000, 1e-4), subtype="FLOAT"),
        "silent: -80.0 dBFS, at least -70 are needed",
    ),
}


@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD)
def test_bad_audio_is_a_row_with_a_reason_beside_the_good_ones(
    make: Callable[[Corpus], object], reason: str, corpus: Corpus
) -> None:
    make(corpus)
    rows = corpus.index(max_duration_s=5)
    assert (rows["bad"]["status"], rows["bad"]["reason"]) == ("quarantined", reason)
    assert rows["good"]["status"] == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that exists and fails to read, for root too")
def test_a_file_that_cannot_be_opened_is_a_row_without_a_hash(corpus: Corpus) -> None:
    (corpus.folder / "bad.wav").symlink_to("/proc/self/mem")
    bad = corpus.index()["bad"]
    assert (bad["status"], bad["reason"]) == ("quarantined", "unreadable: the file cannot be opened")
    assert (bad["sha256"], bad["duration_s"]) == (None, None)


def test_durations_at_the_limits_are_taken(corpus: Corpus) -> None:
    corpus.add("short.wav", NOISE_1_S[:4_800])
    rows = corpus.index(min_duration_s=0.3, max_duration_s=1)
    assert {row["status"] for row in rows.values()} == {"ok"}


def test_when_nothing_is_usable_the_table_is_written_and_says_why(corpus: Corpus) -> None:
    corpus.index(min_duration_s=2)
    with pytest.raises(ClipsError, match=r"all 1 clips are quarantined: 1 × too short: 1\.0 s"):
        read_usable_clips(corpus.out)


def test_a_file_that_the_manifest_names_twice_is_two_rows_in_every_run(corpus: Corpus) -> None:
    for _ in range(2):
        rows = corpus.index("path,clip_id\ngood.wav,x\ngood.wav,y\n")
        assert rows["x"] | {"clip_id": "y"} == rows["y"]


def test_a_refused_manifest_leaves_the_table_as_it_was(corpus: Corpus) -> None:
    corpus.index()
    content = corpus.out.read_bytes()
    with pytest.raises(ClipsError, match="1 of 1 files are not in"):
        corpus.index("path\nmissing.wav\n")
    assert corpus.out.read_bytes() == content
