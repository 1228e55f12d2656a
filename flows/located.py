"""The options that say where: shared by all commands that look at pipelines.yaml or at a cache."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def located(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say where: they arrive as the path of pipelines.yaml and the cache folder."""

    @click.option("--pipelines", metavar="FILE", help="Default: MIFUSE_PIPELINES, else ./pipelines.yaml")
    @click.option("--cache", metavar="DIR", help="Default: MIFUSE_CACHE, else cache/ beside pipelines.yaml")
    @functools.wraps(command)
    def with_places(*args: Any, pipelines: str | None, cache: str | None, **options: Any) -> None:
        from flows.place import cache_folder, pipelines_file

        file = pipelines_file(pipelines)
        command(*args, where=(file, cache_folder(cache, file)), **options)

    return with_places
