"""Bars of long work on a terminal and in a log."""

import pytest

from tasks.contracts.progress import Bar, audio_progress_bar, listening, progress_bar


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


def test_who_listens_is_given_each_new_bar(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Bar] = []
    progress_bar("before", 1, "clips").close()
    with listening(heard.append):
        first, second = progress_bar("first", 1, "clips"), audio_progress_bar("second", 1)
        first.close()
        second.close()
    progress_bar("after", 1, "clips").close()
    assert heard == [first, second]


def test_a_bar_tells_what_is_done_of_what(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("asking lalm", 5000, "draws") as bar:
        bar.update(1240)
        bar.set_postfix_str("$0.31", refresh=False)
        assert bar.told() == "asking lalm: 1,240 of 5,000 draws, $0.31"
        assert (bar.is_open, bar.share_done) == (True, 0.248)


def test_all_is_done_when_the_work_ends_well_although_some_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("asking", 4, "draws") as bar:
        bar.update()
    assert (bar.is_open, bar.share_done) == (False, 1.0)


def test_work_that_fails_leaves_its_bar_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    bar = progress_bar("asking", 4, "draws")
    bar.update()
    with pytest.raises(ZeroDivisionError), bar:
        1 / 0  # noqa: B018
    assert (bar.is_open, bar.share_done) == (False, 0.25)


def test_a_bar_of_nothing_is_not_done_before_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("asking", 0, "draws") as bar:
        assert bar.share_done == 0.0
    assert bar.share_done == 1.0
