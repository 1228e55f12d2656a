"""`mifuse demo`: makes two small corpora, trains a classifier on one, adapts it to the other, prints the table."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

from flows.run import RunOptions, run_stale, show_prefect_wait
from tasks.storage.files import make_folder, write_json
from tasks.synthesis.corpus import DOMAINS, make_corpus

_RECIPE_VERSION = 1  # raised when the synthetic voice changes


def run_demo(cache: Path, seed: int) -> None:
    """Writes only below CACHE/demo and the cache's shared folders; a second run finds everything fresh."""
    folder = make_folder(cache / "demo")
    print("mifuse demo: two synthetic corpora, a simulated LALM on this machine; no key, no GPU, no download")
    pipelines = folder / "pipelines.yaml"
    pipelines.write_text(resources.files("flows").joinpath("demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    is_new = _make_corpora(folder / "corpus", seed)
    if is_new or not (folder / "classifier" / "config.json").exists():
        show_prefect_wait()
        from flows.train_source import train_source

        train_source("demo", str(pipelines), str(cache), force=True)
    run_stale("demo", pipelines, cache, RunOptions())
    print(f"\ngo on with     mifuse status demo --pipelines {pipelines} --cache {cache}")


def _make_corpora(folder: Path, seed: int) -> bool:
    """Whether they were made now; made once per seed."""
    recipe = folder / "recipe.json"
    content = {"seed": seed, "version": _RECIPE_VERSION}
    if recipe.is_file() and json.loads(recipe.read_text(encoding="utf-8")) == content:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    for domain in DOMAINS:
        make_corpus(folder / domain, domain, seed)
        print(f"  {'synthetic corpus':<24} {domain} → {folder / domain}", flush=True)
    write_json(recipe, content)
    return True
