"""Bars of long work on a terminal and in a log."""

import pytest

from tasks.contracts.progress import audio_progress_bar


def test_the_bar_of_an_encoder_counts_clips_and_audio_hours_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    with audio_progress_bar("features (logmel)", 10) as bar:
        bar.start_t -= 50  # seconds ago
        bar.heard(2, 1800)
        bar.heard(3, 5400)
        bar.refresh()
    told = capsys.readouterr().err
    assert "features (logmel)" in told
    assert "5/10" in told
    assert "0.04 audio h/s" in told  # two hours in 50 s
