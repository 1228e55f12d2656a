"""What a model card says of the student's encoder."""

from __future__ import annotations

from pathlib import Path

from tasks.encoders import Part
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder_parts import ENCODER_FOLDER

Row = dict[str, str | None]


def encoder_row(config: ClassifierConfig, name: str | None) -> Row:
    """Its name on the hub, in short and in full.

    Args:
        config: The student's.
        name: The encoder's folder before it was copied; None where that says nothing.
    """
    encoder, shape = config.encoder, (config.n_layers, config.dim)
    if not isinstance(encoder, JoinedSettings):
        return _row(
            encoder, shape, ENCODER_FOLDER, f", copied from a folder called `{name}`" if name else ", fine-tuned"
        )
    shapes = [shape, *config.beside]
    places = [f"{ENCODER_FOLDER}/{n}" for n in range(len(shapes))]
    rows = [_row(*of, "") for of in zip(encoder.parts, shapes, places, strict=True)]
    beside = {key: ", beside it ".join(str(row[key]) for row in rows) for key in ("short", "told")}
    return {"hub": rows[0]["hub"], **beside}


def _row(part: Part, shape: tuple[int, int], place: str, origin: str) -> Row:
    if isinstance(part, LogMelSettings):
        return {"hub": None, "short": f"{part.kind}: part of mifuse", "told": f"`{part.kind}`, without weights"}
    precision = part.precision if isinstance(part, HuggingFaceSettings) else "float32"
    size = f"{shape[0]} layers of {shape[1]} features" if shape[0] > 1 else f"{shape[1]} features"
    kind = "" if isinstance(part, HuggingFaceSettings) else f" ({part.kind})"
    if not Path(part.model).is_absolute():
        told = f"`{part.model}`{kind} at revision `{part.revision}`, {size}, {precision}"
        return {"hub": part.model, "short": f"`{part.model}`", "told": told}
    return {"hub": None, "short": f"of `{place}/`", "told": f"in `{place}/`{kind}{origin}; {size}, {precision}"}
