"""What the command refuses."""

from pathlib import Path

from click.testing import CliRunner

from bench.label_signals.__main__ import main


def test_a_corpus_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.csv").write_text("path,label\n")
    result = CliRunner().invoke(main, ["--data", str(tmp_path), "--cache", str(tmp_path), "--corpora", "a,c"])
    assert result.exit_code == 2
    assert "--corpora: expected some of a, b, got a, c" in result.output


def test_time_means_of_logmel_are_all_that_there_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--data", str(tmp_path), "--means"])
    assert result.exit_code == 2
    assert "--means: logmel has nothing else; name an --encoder, or take it away" in result.output
