"""Segments of an encoder's frames, kept on disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from bench.label_signals.segments import Segments, means_over, segments_of
from tests.encoders.conftest import save_whisper


def test_means_over_frames_are_those_of_numpy() -> None:
    values_LTD = np.random.default_rng(0).normal(size=(3, 25, 4)).astype(np.float32)
    expected = np.stack([values_LTD[:, at : at + 10].mean(axis=1) for at in (0, 10, 20)], axis=1)
    np.testing.assert_allclose(means_over(values_LTD, 10), expected, atol=1e-6)


def test_a_shorter_clip_is_padded_with_zeros() -> None:
    heard = Segments([torch.ones(2, 3, 4), torch.ones(2, 5, 4)]).rows([1, 0])
    assert heard.n_frames_B.tolist() == [5, 3]
    assert heard.values_BLTD[1].sum(dim=(0, 2)).tolist() == [8, 8, 8, 0, 0]


def _recorded(folder: Path, write_tone: Callable[..., Path]) -> Path:
    rows = [{"path": f"{label}.wav", "label": label} for label in ("angry", "happy", "neutral", "sad")]
    for n, row in enumerate(rows):
        write_tone(folder / row["path"], duration_s=0.5 + 0.2 * n)
    pl.DataFrame(rows).write_csv(folder / "manifest.csv")
    return folder


def test_what_is_stored_is_not_heard_again(write_tone: Callable[..., Path], tmp_path: Path) -> None:
    folder, whisper = _recorded(tmp_path / "corpus", write_tone), str(save_whisper(tmp_path / "whisper"))
    first = segments_of(folder, whisper, tmp_path)
    segments_of.cache_clear()
    [file] = (tmp_path / "label_signals" / "segments").iterdir()
    before = file.stat().st_mtime_ns
    again = segments_of(folder, whisper, tmp_path)
    assert file.stat().st_mtime_ns == before
    torch.testing.assert_close(again.rows(range(4)).values_BLTD, first.rows(range(4)).values_BLTD)


def test_segments_of_another_corpus_are_refused(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    stored = tmp_path / "label_signals" / "segments"
    (stored / "two-tiny-10-0.npz").rename(stored / "one-tiny-10-0.npz")
    with pytest.raises(ValueError, match=r"one-tiny-10-0.npz: 32 clips of the corpus are not in it. Delete it"):
        segments_of(corpora[0], "/models/tiny", tmp_path)
