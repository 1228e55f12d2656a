import shutil
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings


def test_the_same_files_elsewhere_are_the_same_encoder(small_wavlm: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(small_wavlm, tmp_path / "moved")
    assert HuggingFaceSettings(model=str(moved)).identity() == HuggingFaceSettings(model=str(small_wavlm)).identity()


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_one_other_byte_makes_another_encoder(small_wavlm: Path, tmp_path: Path, file: str) -> None:
    changed = shutil.copytree(small_wavlm, tmp_path / "changed")
    (changed / file).write_bytes((changed / file).read_bytes() + b" ")
    assert HuggingFaceSettings(model=str(changed)).identity() != HuggingFaceSettings(model=str(small_wavlm)).identity()


@pytest.mark.parametrize(
    "file", ["README.md", ".cache/huggingface/model.metadata", ".hidden.json", "checkpoint-9/x.bin"]
)
def test_what_transformers_does_not_read_makes_no_other_encoder(small_wavlm: Path, tmp_path: Path, file: str) -> None:
    """Otherwise a classifier on it would be refused for the sake of a README."""
    changed = shutil.copytree(small_wavlm, tmp_path / "changed")
    (changed / file).parent.mkdir(parents=True, exist_ok=True)
    (changed / file).write_text("new")
    assert HuggingFaceSettings(model=str(changed)).identity() == HuggingFaceSettings(model=str(small_wavlm)).identity()


def test_a_hub_name_is_identified_by_its_name_and_revision() -> None:
    settings = HuggingFaceSettings(model="microsoft/wavlm-base-plus", revision="4c66d48")
    expected = {"kind": "huggingface", "model": "microsoft/wavlm-base-plus", "revision": "4c66d48"}
    assert expected.items() <= settings.identity().items()


@pytest.mark.parametrize(("setting", "value"), [("precision", "bfloat16"), ("padding", "counted")])
def test_what_changes_features_makes_another_encoder(small_wavlm: Path, setting: str, value: str) -> None:
    changed = HuggingFaceSettings.model_validate({"model": str(small_wavlm), setting: value})
    assert changed.identity() != HuggingFaceSettings(model=str(small_wavlm)).identity()


def test_how_attention_is_computed_makes_no_other_encoder(small_wavlm: Path) -> None:
    eager = HuggingFaceSettings(model=str(small_wavlm), attention="eager")
    assert eager.identity() == HuggingFaceSettings(model=str(small_wavlm)).identity()


def test_a_folder_without_a_config_is_told_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no pretrained encoder there \(config.json is missing\).*save_pretrained"
    ):
        HuggingFaceSettings(model=str(tmp_path)).identity()


def test_a_relative_folder_is_meant_from_the_folder_of_pipelines_yaml(small_wavlm: Path) -> None:
    given = {"model": f"./{small_wavlm.name}"}
    settings = HuggingFaceSettings.model_validate(given, context={"folder": small_wavlm.parent})
    assert settings.model == str(small_wavlm)


def test_a_name_that_is_no_folder_here_is_a_hub_name(tmp_path: Path) -> None:
    given = {"model": "microsoft/wavlm-base-plus", "revision": "main"}
    settings = HuggingFaceSettings.model_validate(given, context={"folder": tmp_path})
    assert settings.model == "microsoft/wavlm-base-plus"


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="layers"):
        HuggingFaceSettings.model_validate({"model": "microsoft/wavlm-base-plus", "layers": 12})


def test_importing_the_settings_imports_neither_torch_nor_transformers() -> None:
    code = "import sys, tasks.encoders; sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
