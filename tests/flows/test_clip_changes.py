"""Which clips came, went, were edited or moved: against sets, and what a manifest says of them."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from flows.clip_changes import changes_between, clips_reasons, manifest_reasons
from tasks.storage.manifests import COLUMNS

paths = st.sampled_from("abcdefgh")
contents = st.one_of(st.none(), st.sampled_from("12345"))
folders = st.dictionaries(paths, contents)


@given(folders, folders)
def test_every_path_is_in_one_list_or_is_unchanged(known: dict[str, str | None], found: dict[str, str | None]) -> None:
    told = changes_between(known, found)
    gone, new = {*told.removed, *told.renamed}, {*told.added, *told.renamed.values()}
    assert gone == known.keys() - found.keys()
    assert new == found.keys() - known.keys()
    assert len(told.removed) + len(told.renamed) == len(gone)
    assert len(told.added) + len(told.renamed) == len(new)
    assert set(told.changed) == {path for path in known.keys() & found.keys() if known[path] != found[path]}


@given(folders, folders)
def test_as_many_are_renamed_as_have_the_same_content(
    known: dict[str, str | None], found: dict[str, str | None]
) -> None:
    """Content by content: of those that left and those that came, the smaller number."""
    told = changes_between(known, found)
    assert all(known[old] == found[new] is not None for old, new in told.renamed.items())
    left = [known[path] for path in known.keys() - found.keys()]
    came = [found[path] for path in found.keys() - known.keys()]
    assert len(told.renamed) == sum(min(left.count(content), came.count(content)) for content in "12345")


@given(folders, folders)
def test_back_is_the_reverse(known: dict[str, str | None], found: dict[str, str | None]) -> None:
    there, back = changes_between(known, found), changes_between(found, known)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert dict(there.renamed) == {new: old for old, new in back.renamed.items()}


def test_an_unreadable_file_is_not_taken_for_another_one() -> None:
    told = changes_between({"a": None}, {"b": None})
    assert (told.added, told.removed, dict(told.renamed)) == (("b",), ("a",), {})


def test_counts_are_told_in_one_line() -> None:
    known = {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}
    found = {"a": "9", "n": "2", "x": "6", "y": "7"}
    (reason,) = clips_reasons(changes_between(known, found)) or []
    assert str(reason) == "2 clips added, 3 removed, 1 changed, 1 renamed"


def test_nothing_is_told_of_the_same_clips() -> None:
    assert clips_reasons(changes_between({"a": "1"}, {"a": "1"})) is None


def manifest(**columns: list[str | None]) -> pl.DataFrame:
    """Two clips."""
    given = {"clip_id": ["a", "b"], "path": ["a.wav", "b.wav"], **columns}
    return pl.DataFrame({name: given.get(name, [None, None]) for name in COLUMNS}, dict.fromkeys(COLUMNS, pl.String))


def test_columns_are_told_with_the_number_of_their_clips() -> None:
    (told,) = manifest_reasons(manifest(), manifest(transcript=["Ja.", "Nein."], gold_label=["sad", None]))
    assert str(told) == "manifest: transcript of 2 clips, gold_label of 1 clip changed"
    assert told.clips is not None
    assert told.clips.lists() == {"transcript": ["a.wav", "b.wav"], "gold_label": ["a.wav"]}


def test_another_id_of_the_same_recording_is_told() -> None:
    (told,) = manifest_reasons(manifest(), manifest(clip_id=["a", "c"]))
    assert str(told) == "manifest: clip_id of 1 clip changed"


def test_clips_that_came_or_went_are_not_told_a_second_time() -> None:
    assert manifest_reasons(manifest(), manifest().head(1)) == []


def test_the_rows_of_a_recording_that_is_named_twice_are_compared_one_by_one() -> None:
    """Both rows name a.wav; the second one's speaker is another."""
    known, listed = (manifest(path=["a.wav", "a.wav"], speaker=["s1", who]) for who in ("s2", "s3"))
    (told,) = manifest_reasons(known, listed)
    assert str(told) == "manifest: speaker of 1 clip changed"
