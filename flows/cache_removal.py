"""What `mifuse cache rm` was asked to remove, and what it refuses to understand."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.contracts.errors import SettingsError
from tasks.storage.answers_removal import Selection


@dataclass(frozen=True)
class Removal:
    """The options of `mifuse cache rm`; `every` is `--all`, and `folders` are those that cost nothing but time.

    `pipelines` are those whose folders are to go; of `unused` see `flows.cache_unused`.
    """

    answers: bool = False
    models: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    every: bool = False
    folders: tuple[str, ...] = ()
    unused: bool = False
    pipelines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        chooses = bool(self.models or self.prompts or self.statuses)
        if not self.answers and (chooses or self.every):
            raise SettingsError("cache rm: --model, --prompt, --status and --all are about --answers; give that too.")
        if self.unused and self.answers:
            raise SettingsError(
                "cache rm: --unused never takes answers, which were paid for. Name those in a command of its own: "
                "--answers with --status superseded, --model, --prompt or --all. Nothing was removed."
            )
        if not (self.answers or self.folders or self.unused or self.pipelines):
            raise SettingsError(
                "cache rm: nothing is named. Give --unused, --pipeline NAME, --answers, --features, --mc-draws, "
                "--audio, --fetched, --work or several."
            )
        if self.answers and not chooses and not self.every:
            raise SettingsError(
                "cache rm --answers: all of them were paid for. Say which, by --model, --prompt or --status; or --all."
            )
        if chooses and self.every:
            raise SettingsError("cache rm: --all and a choice by --model, --prompt or --status: give one of them.")

    @property
    def selection(self) -> Selection:
        """Of answers."""
        return Selection(frozenset(self.models), frozenset(self.prompts), frozenset(self.statuses))
