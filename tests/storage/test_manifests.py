"""Which recordings there are: from CSV, JSONL, Parquet or the folder itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.errors import ClipsError
from tasks.storage.manifests import COLUMNS, list_clips


@dataclass
class Corpus:
    """A folder of files with audio endings and manifests beside it. Only names matter here."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "audio"

    def add(self, *names: str) -> None:
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).touch()

    def manifest(self, name: str, content: str) -> Path:
        (self.root / name).write_text(content, encoding="utf-8")
        return self.root / name

    def list(self, manifest: Path | None = None, **labels: str) -> list[dict[str, Any]]:
        return list_clips(self.folder, manifest, labels).to_dicts()


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = Corpus(tmp_path)
    corpus.add("b.wav", "a.flac", "sub/c.d.mp3")
    return corpus


def test_without_a_manifest_every_audio_file_below_the_folder_is_a_clip(corpus: Corpus) -> None:
    corpus.add("sub/deeper/e.OGG", "f.opus", "notes.txt", "g.wav.part")
    ids = [row["clip_id"] for row in corpus.list()]
    assert ids == ["a", "b", "f", "sub/c.d", "sub/deeper/e"]


def test_a_clips_id_defaults_to_its_path_without_the_ending(corpus: Corpus) -> None:
    rows = corpus.list(corpus.manifest("m.csv", "path\nsub/c.d.mp3\nb.wav\n"))
    assert [(row["clip_id"], row["path"]) for row in rows] == [("b", "b.wav"), ("sub/c.d", "sub/c.d.mp3")]


def test_a_csv_gives_all_columns_as_text_in_order_of_clip_id(corpus: Corpus) -> None:
    content = "path,speaker,split,extra,clip_id,label,language,transcript\n"
    content += 'b.wav,007,train,x,2,sad,de,"ja, ja"\na.flac,008,,x,1,happy,en,\n'
    one, two = corpus.list(corpus.manifest("m.csv", content))
    assert list(one) == [*COLUMNS, "size", "mtime_ns"]
    assert [one[name] for name in COLUMNS] == ["1", "a.flac", "008", "en", None, None, "happy"]
    assert [two[name] for name in COLUMNS] == ["2", "b.wav", "007", "de", "ja, ja", "train", "sad"]


def test_a_jsonl_in_emobox_form_works_as_it_is(corpus: Corpus) -> None:
    common = {"dataset": "iemocap", "type": "raw", "sample_rate": 16000, "length": 1.9, "task": "category"}
    lines = [
        {"key": "Ses01F_1", "wav": "b.wav", "emo": "ang", "speaker": "01F", "text": "Hm.", **common},
        {"key": "Ses01F_0", "wav": "a.flac", "emo": "exc", "speaker": "01F", **common},
    ]
    manifest = corpus.manifest("m.jsonl", "\n".join(map(json.dumps, lines)))
    rows = corpus.list(manifest, ang="angry", exc="happy")
    told = [(row["clip_id"], row["path"], row["gold_label"], row["transcript"]) for row in rows]
    assert told == [("Ses01F_0", "a.flac", "happy", None), ("Ses01F_1", "b.wav", "angry", "Hm.")]


def test_our_own_names_win_over_emoboxs_in_one_manifest(corpus: Corpus) -> None:
    row = corpus.list(corpus.manifest("m.csv", "path,wav,clip_id,key\na.flac,nowhere.wav,x,y\n"))[0]
    assert (row["clip_id"], row["path"]) == ("x", "a.flac")


def test_a_parquet_manifest_gives_what_the_csv_gives(corpus: Corpus) -> None:
    content = "path,clip_id,label,speaker\na.flac,1,sad,3\nb.wav,2,,4\n"
    csv = corpus.manifest("m.csv", content)
    table = pl.read_csv(csv)
    assert table.schema["clip_id"] == pl.Int64
    table.write_parquet(corpus.root / "m.parquet")
    assert corpus.list(corpus.root / "m.parquet") == corpus.list(csv)


def test_labels_are_mapped_and_those_without_a_mapping_stay(corpus: Corpus) -> None:
    manifest = corpus.manifest("m.csv", "path,label\na.flac,ang\nb.wav,fear\nsub/c.d.mp3,\n")
    assert [row["gold_label"] for row in corpus.list(manifest, ang="angry")] == ["angry", "fear", None]


def test_an_excel_csv_with_a_byte_order_mark_is_read(corpus: Corpus) -> None:
    assert corpus.list(corpus.manifest("m.csv", "\ufeffpath,label\na.flac,sad\n"))[0]["gold_label"] == "sad"


def test_a_file_may_be_used_by_two_clips(corpus: Corpus) -> None:
    rows = corpus.list(corpus.manifest("m.csv", "path,clip_id\na.flac,x\na.flac,y\n"))
    assert [(row["clip_id"], row["path"]) for row in rows] == [("x", "a.flac"), ("y", "a.flac")]


REFUSED = {
    "no path column": ("m.csv", "file,label\na,b\n", 'no column "path" .or "wav", as in EmoBox.. Found: file, label.'),
    "rows without a path": ("m.csv", "path,label\na.flac,x\n,y\n", "1 rows have no path."),
    "missing files": (
        "m.csv",
        "path\na.flac\nx.wav\ny.wav\n",
        r'2 of 3 files are not in .*audio: "x.wav", "y.wav". Paths are relative to clips.folder.',
    ),
    "more than five missing files": (
        "m.csv",
        "path\n" + "".join(f"{i}.wav\n" for i in range(7)),
        '7 of 7 files are not in .*"0.wav", "1.wav", "2.wav", "3.wav", "4.wav", …. Paths',
    ),
    "repeated ids": (
        "m.csv",
        "path,clip_id\na.flac,x\nb.wav,x\nsub/c.d.mp3,y\n",
        '1 clip ids occur more than once: "x". Make clip_id unique.',
    ),
    "rows without an id": ("m.csv", "path,clip_id\na.flac,x\nb.wav,\n", "1 rows have no clip_id."),
    "no rows": ("m.csv", "path,label\n", "no audio found. Known endings: .flac, .mp3, .ogg, .opus, .wav."),
    "empty CSV": ("m.csv", "", "cannot be read: empty CSV"),
    "empty JSONL": ("m.jsonl", "", "cannot be read: "),
    "broken JSONL": ("m.jsonl", '{"path": "a.flac"\nno', "cannot be read: "),
    "ragged CSV": ("m.csv", "path,label\na.flac,x,y,z\n", "cannot be read: found more fields than defined"),
    "no Parquet": ("m.parquet", "path,label\n", "cannot be read: "),
    "unknown ending": ("m.xlsx", "path", 'unknown ending ".xlsx". Expected .csv, .jsonl or .parquet.'),
}


@pytest.mark.parametrize(("name", "content", "told"), REFUSED.values(), ids=REFUSED)
def test_a_manifest_is_refused_by_name_for(name: str, content: str, told: str, corpus: Corpus) -> None:
    manifest = corpus.manifest(name, content)
    with pytest.raises(ClipsError, match=f"^{manifest}: {told}"):
        corpus.list(manifest)


def test_a_missing_manifest_is_refused(corpus: Corpus) -> None:
    with pytest.raises(ClipsError, match=r"m.csv: no such file."):
        corpus.list(corpus.root / "m.csv")


def test_a_csv_that_is_no_utf_8_is_refused(corpus: Corpus) -> None:
    manifest = corpus.root / "m.csv"
    manifest.write_bytes("path,label\na.flac,wütend\n".encode("latin-1"))
    with pytest.raises(ClipsError, match=r"m.csv: cannot be read: .*utf-8"):
        corpus.list(manifest)


def test_a_missing_folder_is_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(ClipsError, match=r"audio: no such folder of audio. Set clips.folder in pipelines.yaml."):
        Corpus(tmp_path).list()


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path)
    corpus.add("notes.txt")
    with pytest.raises(ClipsError, match=r"audio: no audio found. Known endings: .flac, .mp3"):
        corpus.list()


def test_two_files_that_differ_in_their_ending_alone_are_refused(corpus: Corpus) -> None:
    corpus.add("a.wav")
    with pytest.raises(ClipsError, match='1 clip ids occur more than once: "a"'):
        corpus.list()
