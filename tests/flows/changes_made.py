"""Changes that a user makes to a pipeline that has run: in its settings, its manifest, its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import soundfile

from tasks.contracts.stages import CODE_VERSIONS
from tests.flows.conftest import SETTINGS, Project


def lalm(**settings: Any) -> Callable[[Project], object]:
    teachers = SETTINGS["teachers"]
    return lambda project: project.change(teachers=teachers | {"lalm": teachers["lalm"] | settings})


def classifier(**settings: Any) -> Callable[[Project], object]:
    teachers = SETTINGS["teachers"]
    return lambda project: project.change(teachers=teachers | {"classifier": teachers["classifier"] | settings})


def student(**settings: Any) -> Callable[[Project], object]:
    return lambda project: project.change(student=SETTINGS["student"] | settings)


def clips(**settings: Any) -> Callable[[Project], object]:
    return lambda project: project.change(clips=SETTINGS["clips"] | settings)


def rows(edit: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Project], object]:
    """Edits the manifest."""

    def make(project: Project) -> None:
        manifest = project.folder / "target" / "manifest.csv"
        edit(pl.read_csv(manifest)).write_csv(manifest)

    return make


def in_first(column: str, value: str) -> Callable[[Project], object]:
    """Another value in the manifest's first row."""
    first = pl.int_range(pl.len()) == 0
    return rows(lambda table: table.with_columns(pl.when(first).then(pl.lit(value)).otherwise(column).alias(column)))


def first_path(project: Project) -> str:
    """Of the manifest."""
    return str(pl.read_csv(project.folder / "target" / "manifest.csv")["path"][0])


def quieter(project: Project, path: str, to: str) -> None:
    """A recording's samples halved: other content."""
    folder = project.folder / "target"
    samples, rate_hz = soundfile.read(folder / path)
    soundfile.write(folder / to, samples * np.float64(0.5), rate_hz)


def edit_clip(project: Project) -> None:
    quieter(project, first_path(project), first_path(project))


def named_anew(path: str, new: str, **other: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The row of `path` once more, under another name."""
    changed = {"path": new, "clip_id": new, **other}

    def edit(table: pl.DataFrame) -> pl.DataFrame:
        row = table.filter(pl.col("path") == path).with_columns(pl.lit(v).alias(k) for k, v in changed.items())
        return pl.concat([table, row.select(table.columns)])

    return edit


def add_clip(project: Project) -> None:
    quieter(project, first_path(project), "audio/new.wav")
    rows(named_anew(first_path(project), "audio/new.wav"))(project)


def copy_clip(project: Project) -> None:
    folder = project.folder / "target"
    shutil.copy(folder / first_path(project), folder / "audio" / "copy.wav")
    rows(named_anew(first_path(project), "audio/copy.wav"))(project)


def remove_clip(project: Project) -> None:
    path = first_path(project)
    (project.folder / "target" / path).unlink()
    rows(lambda table: table.filter(pl.col("path") != path))(project)


def rename_clip(project: Project) -> None:
    """The file alone: the clip keeps its id."""
    path = first_path(project)
    (project.folder / "target" / path).rename(project.folder / "target" / "audio" / "moved.wav")
    in_first("path", "audio/moved.wav")(project)


def touch_clips(project: Project) -> None:
    for file in (project.folder / "target" / "audio").iterdir():
        os.utime(file)


def move_clips(project: Project) -> None:
    shutil.move(project.folder / "target", project.folder / "elsewhere")
    project.change(clips={"folder": "elsewhere", "manifest": "elsewhere/manifest.csv"})


def edit_output(project: Project) -> None:
    file = project.results / "pseudo_labels.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def delete_output(project: Project) -> None:
    (project.results / "pseudo_labels.parquet").unlink()


def delete_result(project: Project) -> None:
    """Not the link alone: also what it leads to."""
    (project.results / "pseudo_labels.parquet").resolve().unlink()


def delete_record(project: Project) -> None:
    (project.results / ".records" / "fuse_labels.json").unlink()


def add_gold(project: Project) -> None:
    table = pl.read_csv(project.folder / "target" / "manifest.csv")
    table.select("clip_id", "label").write_csv(project.folder / "gold.csv")
    project.change(evaluate={"gold": "gold.csv"})


def retrain_classifier(project: Project) -> None:
    project.change(source=SETTINGS["source"] | {"seed": 1})
    assert project.mifuse("train-source", "small", "--force").exit_code == 0


def taken_back(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    assert project.mifuse("run", "small").exit_code == 0
    project.change(fuse=SETTINGS["fuse"])


def raise_version(node: str) -> Callable[[Project], object]:
    """As a release of ours does; whoever runs the change puts the versions back."""
    stage = node.partition(".")[0]
    return lambda project: CODE_VERSIONS.update({stage: CODE_VERSIONS[stage] + 1})
