"""What a zero-shot teacher reads of the stored features, and what of it is not there yet. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from flows.place import Place
from flows.zero_shot_node import pair_file
from tasks.encoders.storing import store_folder
from tasks.storage.features import FeatureStore
from tasks.storage.repeats import read_pair


def audio_repeats(place: Place, name: str) -> list[int]:
    """By which numbers of audio repeats the teacher's clips are heard; with `repeats: chosen` all of the grid."""
    teacher = place.settings.zero_shot[name]
    return list(teacher.grid if teacher.repeats == "chosen" else dict.fromkeys(audio for audio, _ in teacher.repeats))


def unheard_by(place: Place, name: str, sha256s: Sequence[str]) -> int | None:
    """How many passes of the encoder are missing, over clips and repeats; None before the repeats are chosen."""
    teacher, numbers = place.settings.zero_shot[name], audio_repeats(place, name)
    if teacher.repeats == "chosen":
        table = place.shown(pair_file(name))
        if not table.is_file():
            return None
        numbers = [read_pair(table)[0]]
    stores = [store_folder(teacher.encoder(audio), place.shared("features")) for audio in numbers]
    known = [FeatureStore(folder).known() if folder.is_dir() else set() for folder in stores]
    return sum(sha256 not in there for there in known for sha256 in sha256s)
