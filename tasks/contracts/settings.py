"""The base of every setting in `pipelines.yaml`: frozen, no unknown key, a dump of what results depend on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

# For Field(json_schema_extra=…): where or how fast a stage runs, not what comes out of it. Kept out of fingerprints.
OPERATIONAL: dict[str, Any] = {"fingerprint": False}


class Settings(BaseModel):
    """A frozen part of `pipelines.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def fingerprint(self) -> dict[str, Any]:
        """Every setting that the result depends on, as plain JSON values; settings within settings likewise."""
        fields = type(self).model_fields
        kept = {name for name, field in fields.items() if field.json_schema_extra != OPERATIONAL}
        plain = self.model_dump(mode="json", include=kept)
        return {name: _fingerprint(getattr(self, name), value) for name, value in plain.items()}


def _fingerprint(value: Any, plain: Any) -> Any:
    if isinstance(value, Settings):
        return value.fingerprint()
    if isinstance(value, dict):
        return {key: _fingerprint(value[key], plain[key]) for key in value}
    return plain


def beside_pipelines_yaml(path: Path, info: ValidationInfo) -> Path:
    """Relative paths are meant from the folder of pipelines.yaml, wherever the command is started."""
    folder = (info.context or {}).get("folder", Path())
    return Path(folder, path.expanduser()).absolute()


LocalPath = Annotated[Path, AfterValidator(beside_pipelines_yaml)]


def _folder_or_hub_name(model: str, info: ValidationInfo) -> str:
    local = beside_pipelines_yaml(Path(model), info)
    is_path = model.startswith((".", "/", "~")) or local.is_dir()
    return str(local) if is_path else model


# A folder on this machine, or a name on the Hugging Face hub such as "microsoft/wavlm-base-plus".
FolderOrHubName = Annotated[str, AfterValidator(_folder_or_hub_name)]


def _class_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise ValueError(f'"{name}" cannot name a column; use lower-case letters, digits, "_" and "-"')
    return name


Name = Annotated[str, AfterValidator(_class_name)]
