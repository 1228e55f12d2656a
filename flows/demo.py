"""`mifuse demo`: makes two small corpora, trains a classifier on one, adapts it to the other, prints the table."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

from flows.place import cache_folder
from flows.run import RunOptions, prepare_prefect, run_stale
from flows.settings import read_pipelines
from tasks.contracts.errors import SettingsError
from tasks.storage.files import make_folder, write_json
from tasks.synthesis.corpus import DOMAINS, make_corpus

_RECIPE_VERSION = 1  # raised when the synthetic voice changes


def run_demo(own_pipelines: Path, cache: Path, seed: int) -> None:
    """Writes only below CACHE/demo and the cache's shared folders; a second run finds everything fresh.

    Args:
        own_pipelines: The user's pipelines.yaml, which need not exist.
        cache: The cache folder.
        seed: Of the synthetic corpora.
    """
    folder = make_folder(cache / "demo")
    print("mifuse demo: two synthetic corpora, a simulated LALM on this machine; no key, no GPU, no download")
    pipelines = folder / "pipelines.yaml"
    pipelines.write_text(resources.files("flows").joinpath("demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    _make_corpora(folder / "corpus", seed)
    if not (folder / "classifier" / "config.json").exists():
        prepare_prefect()
        from flows.train_source import train_source

        train_source("demo", str(pipelines), str(cache), force=True)
    run_stale("demo", pipelines, cache, RunOptions())
    print(f"\ngo on with     mifuse status demo{_where(own_pipelines, pipelines, cache)}")


def _where(own_pipelines: Path, pipelines: Path, cache: Path) -> str:
    """The options that the next command needs: none where the user's own file describes the demo too."""
    needed = f" --pipelines {pipelines} --cache {cache}"
    if not own_pipelines.is_file() or cache_folder(None, own_pipelines) != cache:
        return needed
    try:
        own = read_pipelines(own_pipelines).get("demo")
    except SettingsError:  # a mistake in it is no matter of the demo's
        return needed
    is_the_same = own is not None and own.clips.folder == cache / "demo" / "corpus" / "target"
    return "" if is_the_same else needed


def _make_corpora(folder: Path, seed: int) -> None:
    """Once per seed."""
    recipe = folder / "recipe.json"
    content = {"seed": seed, "version": _RECIPE_VERSION}
    if recipe.is_file() and json.loads(recipe.read_text(encoding="utf-8")) == content:
        return
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(folder.parent / "classifier", ignore_errors=True)  # of another corpus
    for domain in DOMAINS:
        make_corpus(folder / domain, domain, seed)
        print(f"  {'synthetic corpus':<24} {domain} → {folder / domain}", flush=True)
    write_json(recipe, content)
