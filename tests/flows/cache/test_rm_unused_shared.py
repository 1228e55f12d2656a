"""`mifuse cache rm --unused`: features, draws and checkpoints go only where it is known that nobody needs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from flows.place import open_place
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.storing import store_folder
from tests.flows.cache.project import fill, listed, mifuse_cache, rename
from tests.flows.conftest import Project


def test_features_and_draws_that_no_pipeline_has_go(project: Project) -> None:
    odd = [fill(project.cache / "features" / "huggingface-01"), fill(project.cache / "mc_draws" / "0123")]
    before = listed(project)["folders"]
    result = mifuse_cache(project, "rm", "--unused", "--yes")
    assert "features, mc_draws: 2 folders, 2.0 kB; of encoders and classifiers that no pipeline has" in result.output
    assert not any(folder.exists() for folder in odd)
    for shared in ("features", "mc_draws"):
        assert listed(project)["folders"][shared]["files"] == before[shared]["files"] - 1


ENCODER = {"kind": "huggingface", "model": "org/speech", "revision": "1a2b"}


def features_of_encoder(project: Project) -> Path:
    return fill(store_folder(HuggingFaceSettings.model_validate(ENCODER), project.cache / "features"))


def test_features_of_the_encoder_that_train_source_takes_stay(project: Project) -> None:
    kept, source = features_of_encoder(project), {"folder": "source", "manifest": "source/manifest.csv"}
    project.change(source={"clips": source, "encoder": ENCODER})
    assert mifuse_cache(project, "rm", "--unused", "--yes").output == "nothing to remove.\n"
    assert kept.exists()


def test_features_of_the_shown_students_own_encoder_stay(project: Project) -> None:
    kept, config = features_of_encoder(project), project.results / "student" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"encoder": ENCODER}))
    assert mifuse_cache(project, "rm", "--unused", "--yes").output == "nothing to remove.\n"
    assert kept.exists()


def test_frames_of_an_encoder_stay_with_its_means(project: Project) -> None:
    (means,) = (project.cache / "features").iterdir()
    frames = fill(means.with_name(f"{means.name}-frames"))
    assert mifuse_cache(project, "rm", "--unused", "--yes").output == "nothing to remove.\n"
    assert frames.exists()


def test_features_stay_where_the_classifier_that_may_use_them_is_not_there(project: Project) -> None:
    shutil.rmtree(project.folder / "classifier")
    result = mifuse_cache(project, "rm", "--unused", "--yes")
    assert "features: 1 folder, perhaps needed by small (" in result.output
    assert "; --mc-draws removes all of it" in result.output
    assert len(list((project.cache / "features").iterdir())) == 1


def test_draws_stay_where_those_that_are_shown_may_be_of_earlier_settings(project: Project) -> None:
    other = fill(project.cache / "mc_draws" / "0123")
    project.change(
        teachers={
            "lalm": {"kind": "simulated", "draws": 3},
            "classifier": {"kind": "mc_dropout", "path": "classifier", "draws": 4, "seed": 1},
        }
    )
    result = mifuse_cache(project, "rm", "--unused", "--yes")
    assert "mc_draws: 2 folders, perhaps needed by small (its draws are stale); --mc-draws removes" in result.output
    assert other.exists()


def test_features_and_work_stay_where_a_pipeline_is_not_in_pipelines_yaml(project: Project) -> None:
    rename(project, "big")
    kept = [fill(project.cache / "features" / "huggingface-01"), fill(project.cache / "work" / "odd-1")]
    result = mifuse_cache(project, "rm", "--unused", "--yes")
    for what in ("features", "work"):
        told = f"{what}: 1 folder, perhaps needed by small (not in pipelines.yaml); --{what} removes all of it"
        assert told in result.output
    assert all(folder.exists() for folder in kept)
    both = mifuse_cache(project, "rm", "--unused", "--pipeline", "small", "--yes")
    assert "not removed" not in both.output
    assert "store: 3 results, " in both.output  # of the stages that have the pipeline's name in their settings
    assert not any(folder.exists() for folder in kept)


def test_a_pipeline_with_a_file_of_its_own_in_its_folder_is_known_by_that(project: Project) -> None:
    """As `mifuse demo` has."""
    content = (project.folder / "pipelines.yaml").read_text().replace(": target", f": {project.folder}/target")
    content = content.replace("path: classifier", f"path: {project.folder}/classifier")
    rename(project, "big")
    (project.results / "pipelines.yaml").write_text(content)
    (folder,) = listed(project)["folders"]["features"]["folders"].values()
    assert folder["used_by"] == ["small", "big"]


class TestWork:
    """Checkpoints may be worth hours."""

    @staticmethod
    def left(project: Project, *names: str) -> list[str]:
        for name in names:
            fill(project.cache / "work" / name)
        assert mifuse_cache(project, "rm", "--unused", "--yes").exit_code == 0
        return sorted(path.name for path in (project.cache / "work").glob("*-*") if path.name in names)

    @staticmethod
    def fingerprint(project: Project, node: str) -> str:
        fingerprint = open_place("small", project.folder / "pipelines.yaml", project.cache).verdict(node).fingerprint
        assert fingerprint is not None
        return fingerprint[:24]

    def test_of_a_stale_nodes_present_fingerprint_stays_and_any_other_goes(self, project: Project) -> None:
        project.change(student={"kind": "mi_fuse", "recipe": "paper", "steps": 31})
        wanted = f"train_student-{self.fingerprint(project, 'train_student')}"
        assert self.left(project, wanted, f"train_student-{'0' * 24}") == [wanted]

    def test_of_a_node_that_is_fresh_goes(self, project: Project) -> None:
        assert self.left(project, f"train_student-{self.fingerprint(project, 'train_student')}") == []

    def test_of_a_node_that_waits_for_a_stale_one_stays(self, project: Project) -> None:
        """Which fingerprint it will have is not known before."""
        project.change(fuse={"kind": "equal"})
        assert self.left(project, f"train_student-{'0' * 24}", f"query_lalm.lalm-{'0' * 24}") == [
            f"train_student-{'0' * 24}"
        ]

    def test_of_a_teacher_that_no_pipeline_has_goes(self, project: Project) -> None:
        assert self.left(project, f"mc_dropout.other-{'0' * 24}") == []

    def test_of_training_a_source_classifier_stays_while_a_pipeline_has_a_source(self, project: Project) -> None:
        name = f"train_source-{'0' * 24}"
        assert self.left(project, name) == [name]
        shutil.rmtree(project.cache / "work" / name)
        project.change(source=None)
        assert self.left(project, name) == []
