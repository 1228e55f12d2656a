"""bench/paper.yaml with a few made-up clips in the places of the licensed corpora."""

import itertools
import json
from pathlib import Path

import pytest

from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import ClipsError
from tasks.storage.manifests import list_clips

PAPER = Path(__file__).parents[3] / "bench" / "paper.yaml"
CORPORA = ("improv", "iemocap", "podcast")
MANIFESTS = {
    "iemocap/iemocap.jsonl": ["ang", "exc", "neu", "sad"],
    "mspimprov/mspimprov.jsonl": ["A", "H", "N", "S"],
    "msppodcast/fold_1/msppodcast_train_fold_1.jsonl": ["A", "H", "N", "S", "X"],
    "msppodcast/fold_1/msppodcast_test_fold_1.jsonl": ["A", "H", "N", "S"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """EmoBox's layout beside a copy of the file; audio of a few bytes, since nobody listens."""
    box = tmp_path / "data" / "emobox"
    for manifest, labels in MANIFESTS.items():
        lines = []
        for n, label in enumerate(labels):
            wav = Path("downloads") / Path(manifest).stem / f"{n}.wav"
            (box / wav).parent.mkdir(parents=True, exist_ok=True)
            (box / wav).write_bytes(b"a few bytes")
            line = {"key": f"{Path(manifest).stem}-{n}", "dataset": "d", "wav": str(wav), "type": "raw"}
            lines.append(json.dumps(line | {"num_frame": 16000.0, "length": 1.0, "emo": label, "channel": 1}))
        (box / "data" / manifest).parent.mkdir(parents=True, exist_ok=True)
        (box / "data" / manifest).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "paper.yaml").write_text(PAPER.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def pipelines(root: Path) -> dict[str, PipelineSettings]:
    return read_pipelines(root / "bench" / "paper.yaml")


def test_it_has_every_ordered_pair() -> None:
    pairs = {f"{source}_to_{target}" for source, target in itertools.permutations(CORPORA, 2)}
    assert set(read_pipelines(PAPER)) == pairs


def test_every_target_s_manifest_is_read_and_labelled_with_the_four_classes(
    pipelines: dict[str, PipelineSettings],
) -> None:
    for name, settings in pipelines.items():
        clips = list_clips(settings.clips.folder, settings.clips.manifest, settings.clips.labels)
        assert set(clips["gold_label"]) == set(settings.classes), name


def test_every_source_has_all_classes_and_keeps_other_labels_apart(pipelines: dict[str, PipelineSettings]) -> None:
    for name, settings in pipelines.items():
        assert settings.source is not None
        source = settings.source.clips
        found = set(list_clips(source.folder, source.manifest, source.labels)["gold_label"])
        assert found - {"X"} == set(settings.classes), name
        assert ("X" in found) == name.startswith("podcast"), name


def test_source_and_target_are_of_the_corpora_that_the_name_says(pipelines: dict[str, PipelineSettings]) -> None:
    for name, settings in pipelines.items():
        source, target = name.split("_to_")
        assert settings.source is not None
        assert source in str(settings.source.clips.manifest)
        assert target in str(settings.clips.manifest)
        assert settings.classifier.path.name == source


def test_pipelines_of_one_source_share_its_classifier(pipelines: dict[str, PipelineSettings]) -> None:
    assert len({settings.classifier.path for settings in pipelines.values()}) == 3
    for one, other in itertools.combinations(pipelines.values(), 2):
        assert (one.classifier.path == other.classifier.path) == (one.source == other.source)


def test_it_is_the_paper_s_recipe(pipelines: dict[str, PipelineSettings]) -> None:
    settings = pipelines["improv_to_iemocap"]
    lalm = settings.paid["lalm"]
    assert (lalm.draws, lalm.temperature, settings.classifier.draws) == (5, 0.6, 8)
    assert settings.fuse.kind == "mutual_information"
    assert settings.student.model_dump()["recipe"] == "paper"


def test_without_the_corpora_the_missing_folder_is_named(root: Path) -> None:
    (root / "data").rename(root / "elsewhere")
    clips = read_pipelines(root / "bench" / "paper.yaml")["improv_to_iemocap"].clips
    with pytest.raises(ClipsError, match=r"data/emobox: no such folder of audio"):
        list_clips(clips.folder, clips.manifest, clips.labels)


def test_a_clip_that_is_not_there_is_named(root: Path) -> None:
    (root / "data" / "emobox" / "downloads" / "iemocap" / "0.wav").unlink()
    clips = read_pipelines(root / "bench" / "paper.yaml")["improv_to_iemocap"].clips
    with pytest.raises(ClipsError, match=r'1 of 4 files are not in .*: "downloads/iemocap/0.wav"'):
        list_clips(clips.folder, clips.manifest, clips.labels)
