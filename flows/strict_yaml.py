"""A YAML file as a mapping; what YAML lets pass in silence is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tasks.contracts.errors import SettingsError


def read_yaml(path: Path) -> dict[str, Any]:
    """What the file holds.

    Raises:
        SettingsError: No such file, no YAML, a key that stands there twice, or no mapping.
    """
    if not path.is_file():
        raise SettingsError(f"{path}: no such file. Give one with --pipelines FILE or MIFUSE_PIPELINES.")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: expected a mapping with `pipelines:`, found {type(content).__name__}.")
    return content


class _StrictLoader(yaml.SafeLoader):
    """YAML's rules let the last of two equal keys win in silence; a doubled `max_cost_usd` must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := next((key for n, key in enumerate(keys) if key in keys[:n]), None):
            raise yaml.constructor.ConstructorError(None, None, f'"{twice}" stands there twice', node.start_mark)
        return super().construct_mapping(node, deep)
