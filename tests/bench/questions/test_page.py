"""An answer as a page."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.questions.__main__ import main
from bench.questions.asked import Answer, Asked
from bench.questions.page import write_page
from bench.tables import Table
from bench.transfers.planning import Data

ANSWER = Answer("A question", "What was done.", [Table("UA", ["method"], [["best"]])])


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(None, 2, Data([Path("a"), Path("b")], [], tmp_path))


def test_the_page_tells_the_command_that_made_it(asked: Asked, tmp_path: Path) -> None:
    told = write_page("shift", asked, ANSWER, tmp_path)
    assert "python -m bench.questions shift --seeds 2\n" in told
    assert "Corpora a, b; encoder logmel; 2 seeds." in told


def test_the_page_is_named_by_question_and_encoder(asked: Asked, tmp_path: Path) -> None:
    told = write_page("shift", asked, ANSWER, tmp_path / "pages")
    assert (tmp_path / "pages" / "shift-logmel.md").read_text(encoding="utf-8") == told


def test_an_encoder_s_folder_on_this_machine_is_not_told(asked: Asked, tmp_path: Path) -> None:
    whisper = Asked("/somewhere/whisper-base-encoder", 1, asked.data)
    told = write_page("shift", whisper, ANSWER, tmp_path)
    assert "--encoder FOLDER_OF_WHISPER_BASE_ENCODER --seeds 1" in told
    assert "/somewhere" not in told


def test_a_figure_lies_beside_the_page_and_is_shown_in_it(asked: Asked, tmp_path: Path) -> None:
    def draw(file: Path) -> None:
        file.write_text("<svg/>")

    drawn = Answer(ANSWER.title, ANSWER.said, ANSWER.tables, draw)
    assert "![A question](figures/shift-logmel.svg)" in write_page("shift", asked, drawn, tmp_path)
    assert (tmp_path / "figures" / "shift-logmel.svg").read_text() == "<svg/>"


def test_an_unknown_question_is_refused_with_those_that_are_known() -> None:
    result = CliRunner().invoke(main, ["shfit"])
    assert result.exit_code == 2
    assert "'shfit' is not one of 'correlation', 'shift', 'new_classes', 'prompts', 'lalm'" in result.output
