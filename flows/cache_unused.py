"""What `mifuse cache rm --unused` removes: what no pipeline shows, would show again or can go on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.cache_uses import CacheUser, SharedUse, cache_users, shared_use
from flows.columns import counted, told_bytes
from flows.freshness import Verdict
from tasks.storage.files import remove
from tasks.storage.folder_sizes import size_of
from tasks.storage.leftovers import leftovers, remove_leftovers
from tasks.storage.stage_records import ResultStore
from tasks.storage.unused import unused_results, used_results


@dataclass(frozen=True)
class Unused:
    """What can go, and why the rest of it cannot.

    Attributes:
        results: Folders in the store.
        work: Checkpoints and plans that no stage would go on with.
        shared: Stored features and draws of encoders and classifiers that no pipeline has.
        left_over: What killed runs left.
        kept: One line for each thing that may be unused but cannot be told, with what would free it.
    """

    results: list[Path] = field(default_factory=list)
    work: list[Path] = field(default_factory=list)
    shared: list[Path] = field(default_factory=list)
    left_over: list[Path] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """One line for each kind of thing that can go."""
        lines = [
            (
                "store",
                self.results,
                "result",
                "; of earlier settings; to go back to them then costs computing, and no call",
            ),
            ("work", self.work, "folder", "; of work that no stage would go on with"),
            ("features, mc_draws", self.shared, "folder", "; of encoders and classifiers that no pipeline has"),
            ("left over by killed runs", self.left_over, "path", ""),
        ]
        return [_told(where, paths, one) + what for where, paths, one, what in lines if paths]

    def remove(self) -> None:
        """All of it."""
        for path in (*self.results, *self.work, *self.shared):
            remove(path)
        remove_leftovers(self.left_over)


def find_unused(cache: Path, pipelines: Path, taken_out: Sequence[str] = ()) -> Unused:
    """Looks at every pipeline of the cache and of pipelines.yaml; changes nothing.

    Args:
        cache: The cache folder.
        pipelines: The file pipelines.yaml, which need not exist.
        taken_out: Pipelines whose folders are about to be removed: what these show does not count.
    """
    users = [user for user in cache_users(cache, pipelines) if user.place or user.name not in taken_out]
    verdicts = {user.name: user.place.examine() for user in users if user.place}
    all_verdicts = [verdict for some in verdicts.values() for verdict in some]
    shown = (used_results(cache, user.name) for user in users if user.name not in taken_out)
    results = unused_results(cache, _wanted(cache, all_verdicts).union(*shown))
    work, kept_work = _unused_work(cache, users, all_verdicts)
    uses = {user.name: shared_use(user) for user in users}
    why_not = {name: use.why_not for name, use in uses.items()}
    features, kept_features = _unused_below(cache / "features", uses, why_not)
    draws, kept_draws = _unused_below(
        cache / "mc_draws", uses, _stale_draws(verdicts) | {n: why for n, why in why_not.items() if why}
    )
    kept = [*kept_work, *kept_features, *kept_draws]
    return Unused(results, work, [*features, *draws], leftovers(cache), kept)


def _wanted(cache: Path, verdicts: Iterable[Verdict]) -> set[Path]:
    """Where the results lie that present settings ask for: the next run shows those that are there."""
    store = ResultStore(cache, "")
    return {store.folder(verdict.node, verdict.fingerprint) for verdict in verdicts if verdict.fingerprint}


def _unused_work(cache: Path, users: Sequence[CacheUser], verdicts: Sequence[Verdict]) -> tuple[list[Path], list[str]]:
    """Checkpoints may be worth hours: they stay unless it is known that nobody goes on with them."""
    folders = sorted(path for path in (cache / "work").glob("*-*") if path.is_dir())
    needed = [folder for folder in folders if _is_gone_on_with(folder.name, users, verdicts)]
    kept = [folder for folder in folders if folder not in needed]
    told = _untold("work", kept, {user.name: user.why_not for user in users})
    return ([], told) if told else (kept, [])


def _is_gone_on_with(name: str, users: Sequence[CacheUser], verdicts: Sequence[Verdict]) -> bool:
    """By a stale node with this fingerprint, or with one that is not known before what it reads from has run."""
    node, _, digest = name.rpartition("-")
    if node == "train_source":  # its key is made of the labelled clips: not told without making their index
        return any(user.place and user.place.settings.source for user in users)
    same = [verdict for verdict in verdicts if verdict.node.name == node and not verdict.is_fresh]
    return any(verdict.fingerprint is None or verdict.fingerprint.startswith(digest) for verdict in same)


def _unused_below(
    shared: Path, uses: Mapping[str, SharedUse], why_not: Mapping[str, str]
) -> tuple[list[Path], list[str]]:
    """Folders below `features` or `mc_draws` that no pipeline reads."""
    folders = (path for path in sorted(shared.glob("[!.]*")) if path.is_dir())
    unused = [folder for folder in folders if not any(use.reads(folder) for use in uses.values())]
    told = _untold(shared.name, unused, why_not)
    return ([], told) if told else (unused, [])


def _stale_draws(verdicts: Mapping[str, Sequence[Verdict]]) -> dict[str, str]:
    """The draws that a pipeline shows may be those of earlier settings: who goes back to these wants them."""
    nodes = {name: [each for each in some if each.node.stage == "mc_dropout"] for name, some in verdicts.items()}
    return {name: "its draws are stale" for name, some in nodes.items() if not all(each.is_fresh for each in some)}


def _untold(what: str, folders: Sequence[Path], why_not: Mapping[str, str]) -> list[str]:
    """A line if there is anything, and somebody who may need it."""
    whose = ", ".join(f"{name} ({why})" for name, why in why_not.items() if why)
    if not folders or not whose:
        return []
    option = what.replace("_", "-")
    return [f"{what}: {counted(len(folders), 'folder')}, perhaps needed by {whose}; --{option} removes all of it"]


def _told(where: str, paths: Sequence[Path], one: str) -> str:
    return f"{where}: {counted(len(paths), one)}, {told_bytes(sum(size_of(path).bytes for path in paths))}"
