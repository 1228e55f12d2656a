"""The node of `clips.parquet`: which recordings there are."""

from __future__ import annotations

from pathlib import Path

from flows.clip_changes import FoundClips
from flows.settings import PipelineSettings
from tasks.contracts.stages import Node
from tasks.storage.clip_source import manifest_digest
from tasks.storage.files import sha256_of_json


def index_node(pipeline: PipelineSettings, cache: Path, deep: bool) -> Node:
    """It depends on the recordings' content and on the manifest; `deep` hashes all audio again."""
    clips = pipeline.clips
    found = FoundClips(clips, cache, deep=deep)

    def outside() -> dict[str, str]:
        # Before the list is made of it: an edit in between makes the index stale, and not fresh with the old rows.
        manifest = manifest_digest(clips, cache)
        return {"clips": sha256_of_json(found.sha256s)} | ({"manifest": manifest} if manifest else {})

    settings = {"clips": clips.fingerprint()}
    return Node("index_clips", "index_clips", settings, (), ("clips.parquet",), outside, found.explain)
