"""`mifuse cache rm --pipeline NAME`: the folder of a pipeline, which shows its results."""

from __future__ import annotations

from pathlib import Path

from flows.cache_uses import cache_users
from flows.columns import counted, told_bytes
from flows.settings import SHARED_FOLDERS
from tasks.contracts.errors import SettingsError
from tasks.storage.folder_sizes import size_of
from tasks.storage.unused import pipeline_folders


def folder_of_pipeline(cache: Path, name: str) -> Path:
    """Where it shows its results.

    Raises:
        SettingsError: A folder that all pipelines share, or none of a pipeline's.
    """
    if name in SHARED_FOLDERS:
        raise SettingsError(
            f"cache rm --pipeline {name}: all pipelines share this folder. `mifuse cache ls` lists the pipelines'. "
            "Nothing was removed."
        )
    folders = {folder.name: folder for folder in pipeline_folders(cache)}
    if name not in folders:
        known = ", ".join(folders) or "none"
        raise SettingsError(
            f"cache rm --pipeline {name}: no pipeline of this name has a folder in {cache}. Those that have: {known}. "
            "Nothing was removed."
        )
    return folders[name]


def told_pipeline(folder: Path, pipelines: Path) -> str:
    """What would go, and whether it would come back."""
    size = size_of(folder)
    why_not = {user.name: user.why_not for user in cache_users(folder.parent, pipelines)}[folder.name]
    after = f"{why_not}: no pipeline shows its results then" if why_not else "the next run of it makes the folder again"
    return f"{folder.name}: {counted(size.files, 'file')}, {told_bytes(size.bytes)}; {after}"
