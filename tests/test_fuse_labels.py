"""The stage `fuse_labels`: draws of two teachers in, one row per usable clip out, column by column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
from numpy.typing import NDArray
from scipy import stats

from tasks.contracts.errors import DrawsError
from tasks.contracts.tables import clips_schema, draws_schema, p_columns, pseudo_labels_schema
from tasks.fuse_labels import fuse_labels
from tasks.fusion import Rule
from tasks.fusion.entropy import EntropyRule
from tasks.fusion.equal import EqualRule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.fusion.single import SingleRule
from tasks.storage.tables import read_metadata, read_table

CLASSES = ["angry", "happy", "sad"]
TEACHERS = ["lalm", "classifier"]
SURE_OF_SAD = [[0.1, 0.1, 0.8]] * 3
SHAKY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
Said = Sequence[Sequence[float] | None]  # one entry per draw; None where no answer came


@dataclass
class Place:
    """Where the stage's inputs and output lie."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "pseudo_labels.parquet"

    def clips(self, *rows: dict[str, Any]) -> None:
        known = {"path": "a.wav", "duration_s": 1.0, "status": "ok"}
        pl.DataFrame([known | row for row in rows], clips_schema()).write_parquet(self.root / "clips.parquet")

    def draws(self, teacher: str, said: dict[str, Said]) -> None:
        rows = [
            {"clip_id": sha256, "sha256": sha256, "draw": draw, "status": "answered" if probs_C else "refused"}
            | (dict(zip(p_columns(CLASSES), probs_C, strict=True)) if probs_C else {})
            for sha256, probs_KC in said.items()
            for draw, probs_C in enumerate(probs_KC)
        ]
        pl.DataFrame(rows, draws_schema(CLASSES)).write_parquet(self.root / f"{teacher}.parquet")

    def fuse(self, rule: Rule | None = None, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        draws = {teacher: self.root / f"{teacher}.parquet" for teacher in TEACHERS}
        rule = rule or MutualInformationRule()
        return fuse_labels.fn(rule, CLASSES, self.root / "clips.parquet", draws, metadata or {}, self.out)

    def table(self) -> pl.DataFrame:
        return read_table(self.out, pseudo_labels_schema(CLASSES, TEACHERS))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def fuse_one(place: Place) -> Callable[..., dict[str, Any]]:
    """The row of a clip of which the teachers said this; another clip is there on which all is well."""

    def fuse(lalm: Said, classifier: Said, rule: Rule | None = None) -> dict[str, Any]:
        place.clips({"clip_id": "a", "sha256": "a"}, {"clip_id": "b", "sha256": "b"})
        place.draws("lalm", {"a": lalm, "b": SURE_OF_SAD[: len(lalm)]})
        place.draws("classifier", {"a": classifier, "b": SURE_OF_SAD[: len(classifier)]})
        place.fuse(rule)
        return place.table().row(0, named=True)

    return fuse


RNG = np.random.default_rng(1)
MANY = {teacher: RNG.dirichlet(np.full(3, 0.6), size=(20, k)) for teacher, k in (("lalm", 5), ("classifier", 8))}
SHA256S = [f"{i:064x}" for i in range(20)]
# Clip ids run against the hashes, so that a row that is joined wrongly shows.
CLIPS = [{"clip_id": f"c{99 - i}", "sha256": s, "path": f"{i}.wav", "duration_s": i / 4} for i, s in enumerate(SHA256S)]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Twenty clips with random draws by the paper's rule, in the order of `MANY`."""
    place = Place(tmp_path_factory.mktemp("many"))
    place.clips(*CLIPS)
    for teacher, probs_NKC in MANY.items():
        place.draws(teacher, dict(zip(SHA256S, probs_NKC.tolist(), strict=True)))
    place.fuse()
    return place.table().sort("sha256")


def columns(table: pl.DataFrame, prefix: str = "") -> NDArray[np.float64]:
    return table.select(p_columns(CLASSES, prefix)).to_numpy()


def mi_literally(teacher: str) -> NDArray[np.float64]:
    return np.array([stats.entropy(p_KC.mean(axis=0)) - stats.entropy(p_KC, axis=1).mean() for p_KC in MANY[teacher]])


def weights_literally() -> NDArray[np.float64]:
    odds_NT = np.exp(-np.stack([mi_literally(teacher) for teacher in TEACHERS], axis=1))
    return odds_NT / odds_NT.sum(axis=1, keepdims=True)


def test_each_clip_keeps_its_id_path_and_duration(table: pl.DataFrame) -> None:
    assert table.select("clip_id", "sha256", "path", "duration_s").to_dicts() == CLIPS


@pytest.mark.parametrize("teacher", TEACHERS)
def test_a_teachers_columns_are_those_of_a_literal_second_implementation(teacher: str, table: pl.DataFrame) -> None:
    mean_NC = MANY[teacher].mean(axis=1)
    np.testing.assert_allclose(columns(table, teacher), mean_NC)
    np.testing.assert_allclose(table[f"{teacher}_mi"], mi_literally(teacher), atol=1e-12)
    np.testing.assert_allclose(table[f"{teacher}_entropy"], stats.entropy(mean_NC, axis=1))
    np.testing.assert_allclose(table[f"{teacher}_weight"], weights_literally()[:, TEACHERS.index(teacher)])
    assert table[f"{teacher}_label"].to_list() == [CLASSES[i] for i in mean_NC.argmax(axis=1)]
    assert set(table[f"{teacher}_n_draws"]) == {MANY[teacher].shape[1]}


def test_fused_probabilities_are_the_weighted_mean_of_the_mean_draws(table: pl.DataFrame) -> None:
    means = [MANY[teacher].mean(axis=1) for teacher in TEACHERS]
    fused_NC = sum(w_N[:, None] * mean_NC for w_N, mean_NC in zip(weights_literally().T, means, strict=True))
    np.testing.assert_allclose(columns(table), fused_NC)


def test_label_confidence_and_margin_are_those_of_the_fused_probabilities(table: pl.DataFrame) -> None:
    fused_NC = columns(table)
    first_N, second_N = np.sort(fused_NC, axis=1)[:, ::-1].T[:2]
    assert table["label"].to_list() == [CLASSES[i] for i in fused_NC.argmax(axis=1)]
    np.testing.assert_allclose(table["confidence"], first_N)
    np.testing.assert_allclose(table["margin"], first_N - second_N)


def test_teachers_agree_where_they_name_the_same_class(table: pl.DataFrame) -> None:
    same = table["lalm_label"] == table["classifier_label"]
    assert table["agreement"].to_list() == same.to_list()
    assert {True, False} == set(same)


def test_a_clip_that_both_teachers_could_judge_has_no_reason(table: pl.DataFrame) -> None:
    assert table["reason"].null_count() == table.height


def test_a_clip_with_one_valid_lalm_draw_is_fused_from_the_classifier_alone(
    fuse_one: Callable[..., dict[str, Any]],
) -> None:
    row = fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY)
    assert (row["lalm_weight"], row["classifier_weight"]) == (0, 1)
    assert [row[name] for name in p_columns(CLASSES)] == pytest.approx([2 / 3, 1 / 3, 0])
    assert row["reason"] == "lalm: 1 of 3 draws valid"


def test_what_a_lone_draw_said_is_shown_and_its_mutual_information_is_unknown(
    fuse_one: Callable[..., dict[str, Any]],
) -> None:
    row = fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY)
    assert (row["lalm_label"], row["lalm_n_draws"], row["lalm_mi"], row["lalm_entropy"]) == ("happy", 1, None, 0)
    assert row["agreement"] is False


def test_a_teacher_without_any_answer_has_no_label_and_no_numbers(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([None] * 3, SHAKY)
    unknown = ["lalm_label", "lalm_mi", "lalm_entropy", *p_columns(CLASSES, "lalm")]
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert (row["lalm_n_draws"], row["lalm_weight"], row["reason"]) == (0, 0, "lalm: 0 of 3 draws valid")


def test_a_teacher_that_said_nothing_does_not_disagree(fuse_one: Callable[..., dict[str, Any]]) -> None:
    assert fuse_one([None] * 3, SHAKY)["agreement"] is True


def test_teachers_that_all_said_nothing_do_not_agree(fuse_one: Callable[..., dict[str, Any]]) -> None:
    assert fuse_one([None] * 3, [None] * 3)["agreement"] is False


def test_a_clip_that_no_teacher_can_judge_is_left_without_a_label(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([None] * 3, [None, None, SURE_OF_SAD[0]])
    unlabelled = ["label", "confidence", "margin", *p_columns(CLASSES)]
    assert [row[name] for name in unlabelled] == [None] * len(unlabelled)
    assert row["reason"] == "lalm: 0 of 3 draws valid; classifier: 1 of 3 draws valid"


LEAVE_OUT = MutualInformationRule(incomplete="leave_out")


def test_leave_out_takes_the_label_from_a_clip_that_one_teacher_cannot_judge(
    fuse_one: Callable[..., dict[str, Any]],
) -> None:
    row = fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY, LEAVE_OUT)
    unlabelled = ["label", "confidence", "margin", *p_columns(CLASSES)]
    assert [row[name] for name in unlabelled] == [None] * len(unlabelled)
    assert (row["lalm_weight"], row["classifier_weight"]) == (0, 0)
    assert row["reason"] == "lalm: 1 of 3 draws valid"


def test_leave_out_still_shows_what_the_teachers_said_and_labels_the_other_clips(
    fuse_one: Callable[..., dict[str, Any]], place: Place
) -> None:
    assert fuse_one([None, [0.0, 1.0, 0.0], None], SHAKY, LEAVE_OUT)["classifier_label"] == "angry"
    assert place.table()["label"].to_list() == [None, "sad"]


@pytest.mark.parametrize(("rule", "counts"), [(MutualInformationRule(), (2, 0)), (LEAVE_OUT, (1, 1))])
def test_labelled_and_left_out_clips_are_counted(rule: Rule, counts: tuple[int, int], place: Place) -> None:
    place.clips({"clip_id": "a", "sha256": "a"}, {"clip_id": "b", "sha256": "b"})
    place.draws("lalm", {"a": [None, None], "b": SURE_OF_SAD[:2]})
    place.draws("classifier", {"a": SHAKY, "b": SHAKY})
    assert place.fuse(rule) == dict(zip(("labelled", "left_out"), counts, strict=True))


def test_when_no_clip_gets_a_label_the_stage_says_so_and_writes_nothing(place: Place) -> None:
    place.clips({"clip_id": "a", "sha256": "a"})
    for teacher in TEACHERS:
        place.draws(teacher, {"a": [SHAKY[0], None]})
    with pytest.raises(DrawsError, match="no clip gets a label: no teacher has 2 valid draws for any clip"):
        place.fuse()
    assert not place.out.exists()


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


def test_one_draw_per_clip_is_enough_for_a_rule_that_needs_one(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]], EntropyRule())
    assert (row["lalm_mi"], row["classifier_mi"], row["reason"]) == (None, None, None)
    assert (row["lalm_weight"], row["label"]) == (pytest.approx(2 / 3), "angry")


def test_one_draw_per_clip_is_refused_by_the_papers_rule(fuse_one: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="needs at least 2 draws, got 1"):
        fuse_one([[1.0, 0.0, 0.0]], SHAKY)


def test_of_equally_probable_classes_the_first_is_the_label(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one([[0.0, 0.5, 0.5]] * 2, [[0.0, 0.5, 0.5]] * 2, EqualRule())
    assert (row["label"], row["margin"]) == ("happy", 0)


def test_single_copies_the_named_teacher_and_still_shows_the_other(fuse_one: Callable[..., dict[str, Any]]) -> None:
    row = fuse_one(SHAKY, SURE_OF_SAD, SingleRule(teacher="lalm"))
    assert [row[name] for name in p_columns(CLASSES)] == [row[name] for name in p_columns(CLASSES, "lalm")]
    assert (row["classifier_label"], row["classifier_weight"]) == ("sad", 0)
