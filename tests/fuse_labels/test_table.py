"""`pseudo_labels.parquet` as a whole: which clips it has, in which bytes, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from tasks.contracts.errors import DrawsError
from tasks.storage.tables import read_metadata
from tests.fuse_labels.conftest import CLIPS, MANY, SHA256S, SHAKY, SURE_OF_SAD, TEACHERS, Place


def test_a_teacher_whose_table_lacks_clips_is_refused(place: Place) -> None:
    place.clips({"clip_id": "a", "sha256": "a"}, {"clip_id": "b", "sha256": "b"})
    place.draws("lalm", {"a": SHAKY})
    place.draws("classifier", {"a": SHAKY, "b": SHAKY})
    with pytest.raises(DrawsError, match=r"lalm.parquet: 1 of 2 clips have no draws"):
        place.fuse()


def test_the_same_audio_under_two_clip_ids_is_two_rows_that_differ_in_name_alone(place: Place) -> None:
    place.clips(
        {"clip_id": "x", "sha256": "a", "path": "x.wav"},
        {"clip_id": "b", "sha256": "b"},
        {"clip_id": "y", "sha256": "a", "path": "y.wav"},
    )
    for teacher in TEACHERS:
        place.draws(teacher, {"a": SHAKY, "b": SURE_OF_SAD})
    place.fuse()
    b, x, y = place.table().to_dicts()
    assert x | {"clip_id": "y", "path": "y.wav"} == y
    assert (b["label"], x["label"]) == ("sad", "angry")


def test_quarantined_clips_are_not_in_the_table(place: Place) -> None:
    place.clips({"clip_id": "a", "sha256": "a"}, {"clip_id": "b", "sha256": "b", "status": "quarantined"})
    for teacher in TEACHERS:
        place.draws(teacher, {"a": SHAKY, "b": SHAKY})
    place.fuse()
    assert place.table()["clip_id"].to_list() == ["a"]


def test_the_same_input_in_any_order_of_rows_gives_the_same_bytes(place: Place) -> None:
    place.clips(*CLIPS)
    for teacher, probs_NKC in MANY.items():
        place.draws(teacher, dict(zip(SHA256S, probs_NKC.tolist(), strict=True)))
    place.fuse(metadata={"rule": "{}"})
    content = place.out.read_bytes()
    for name in ("clips", *TEACHERS):
        path = place.root / f"{name}.parquet"
        pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=3).write_parquet(path)
    place.fuse(metadata={"rule": "{}"})
    assert place.out.read_bytes() == content


def test_a_row_does_not_depend_on_the_other_clips(place: Place, table: pl.DataFrame) -> None:
    place.clips(CLIPS[7])
    for teacher, probs_NKC in MANY.items():
        place.draws(teacher, {SHA256S[7]: probs_NKC[7].tolist()})
    place.fuse()
    numbers = cs.float()
    np.testing.assert_allclose(place.table().select(numbers).row(0), table.select(numbers).row(7))


def test_metadata_is_written_into_the_file(place: Place, fuse_one: Callable[..., dict[str, Any]]) -> None:
    fuse_one(SHAKY, SHAKY)
    place.fuse(metadata={"rule": '{"kind": "equal"}', "classes": '["angry"]'})
    assert read_metadata(place.out) == {"rule": '{"kind": "equal"}', "classes": '["angry"]'}


def test_what_is_unknown_is_null_and_never_nan(place: Place, fuse_one: Callable[..., dict[str, Any]]) -> None:
    fuse_one([None] * 3, [None] * 3)
    nans = place.table().select(cs.float().is_nan().any())
    assert not any(nans.row(0))
