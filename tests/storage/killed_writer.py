"""Run by itself, with a folder: begins a result and a file there, says so, and waits to be killed."""

import sys
from pathlib import Path

from tasks.storage.files import replacing
from tasks.storage.leftovers import unfinished_folder
from tasks.storage.run_locks import alone


def write(place: Path) -> None:
    """Until its standard input is closed."""
    lock = alone(place / "run.lock", "another run")
    with lock, unfinished_folder(place) as folder, replacing(place / "table") as half:
        (folder / "sub").mkdir()
        (folder / "sub" / "weights").write_text("half")
        half.write_text("half")
        print("at work", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
