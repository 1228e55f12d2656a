"""Checks that are kept, and the page that is made of them."""

from pathlib import Path
from typing import Any

import pytest

from bench.label_signals.checking import ACROSS, SNRS_DB, WITHIN, Check, Checked, noise
from bench.label_signals.kept import place_of, read_checked, write_checked
from bench.label_signals.page import write_page
from bench.label_signals.variants import MEAN, NONE, VARIANTS, WHOLE
from bench.transfers.kept import Result

BY_NAME = {variant.name: variant for variant in VARIANTS}
GOLD = "00112233"


def _check(name: str, seed: int = 0) -> Check:
    return Check(Path("one"), (Path("two"),), "/models/tiny", True, seed, BY_NAME[name])


def _checked(check: Check, named: str) -> Checked:
    """The same clips are named alike in every scene."""
    of: dict[str, Any] = {
        "target": "b",
        "transfer": "a → b",
        "method": check.variant.name,
        "seed": 0,
        "speakers": [0, 1] * 4,
    }
    figures: dict[str, Any] = {"ua": 0.0, "wa": 0.0, "curve": [], "seconds": 0.0}
    results = [
        Result(scene=scene, gold=GOLD, named=named, **of, **figures) for scene in (WITHIN, *map(noise, SNRS_DB), ACROSS)
    ]
    moves: dict[str, list[float]] = {"norms": [2.0, 1.5], "stays": [1.0, 0.25], "between": [0.0, 0.75]}
    if check.variant.changed is None:
        moves = {name: [] for name in moves}
    places = [(float(n), 0.0) for n in range(len(GOLD))]
    return Checked(results, **moves, separation=0.5, projection=places, gold=GOLD, seconds=1.0)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = {_check(WHOLE): GOLD, _check(NONE): "00112200", _check(MEAN): "00000000"}
    folder = tmp_path_factory.mktemp("pages")
    write_page({check: _checked(check, named) for check, named in said.items()}, folder)
    return folder / "tiny-frames.md"


def test_a_check_comes_back_as_it_was(tmp_path: Path) -> None:
    check = _check(WHOLE)
    write_checked(tmp_path / "kept.json", _checked(check, GOLD))
    assert read_checked(tmp_path / "kept.json", check) == _checked(check, GOLD)


def test_every_variant_and_seed_is_kept_by_itself(tmp_path: Path) -> None:
    checks = [_check(name, seed) for name in BY_NAME for seed in (0, 1)]
    assert len({place_of(check, tmp_path) for check in checks}) == len(checks)


def test_rows_are_compared_with_the_whole_head(page: Path) -> None:
    """UA 75 where one class of four is missed."""
    row = next(line for line in page.read_text().splitlines() if line.startswith(f"| {NONE}"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1] == "75.0"
    assert cells[3].startswith("-25.0 [")


def test_there_is_a_column_for_each_loudness_of_noise(page: Path) -> None:
    assert "| method " in page.read_text()
    assert [f" {snr_db} dB " in page.read_text() for snr_db in SNRS_DB] == [True] * len(SNRS_DB)


def test_a_head_without_embeddings_has_no_figures_of_them(page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith(f"| {MEAN}") and "0.500" in line]
    assert [cell.strip() for cell in rows[0].split("|")[3:6]] == ["–"] * 3


def test_the_page_s_command_makes_the_same_page(page: Path) -> None:
    assert "python -m bench.label_signals --encoder FOLDER_OF_TINY --corpora one --seeds 1\n" in page.read_text()


def test_both_figures_lie_beside_it(page: Path) -> None:
    names = sorted(file.name for file in (page.parent / "figures").iterdir())
    assert names == ["tiny-frames-embeddings.svg", "tiny-frames-projection.svg"]
    assert all(f"figures/{name}" in page.read_text() for name in names)


def test_of_one_corpus_alone_nothing_is_carried_over(tmp_path: Path) -> None:
    check = Check(Path("one"), (), "/models/tiny", True, 0, BY_NAME[WHOLE])
    none = Check(Path("one"), (), "/models/tiny", True, 0, BY_NAME[NONE])
    text = write_page({each: _checked(each, GOLD) for each in (check, none)}, tmp_path)
    assert f"UA, {WITHIN}" in text
    assert ACROSS not in text
