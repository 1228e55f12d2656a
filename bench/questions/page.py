"""An answer as a page of docs/questions; what is made by hand stands in docs/questions.md beside it."""

from __future__ import annotations

from pathlib import Path

from bench.questions.asked import Answer, Asked
from tasks.storage.files import replacing


def write_page(name: str, asked: Asked, answer: Answer, folder: Path) -> str:
    """Writes NAME-ENCODER.md and, where there is something to draw, figures/NAME-ENCODER.svg; gives the text."""
    stem = f"{name}-{asked.hears}"
    parts = [f"# {answer.title}", _command(name, asked), answer.said]
    parts += [table.markdown() for table in answer.tables]
    if answer.draw:
        figure = folder / "figures" / f"{stem}.svg"
        figure.parent.mkdir(parents=True, exist_ok=True)
        answer.draw(figure)
        parts.append(f"![{answer.title}](figures/{figure.name})")
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{stem}.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def _command(name: str, asked: Asked) -> str:
    encoder = f" --encoder FOLDER_OF_{asked.hears.upper().replace('-', '_')}" if asked.encoder else ""
    corpora = ", ".join(folder.name for folder in asked.data.corpora)
    return (
        f"```sh\npython -m bench.questions {name}{encoder} --seeds {asked.seeds}\n```\n\n"
        f"Corpora {corpora}; encoder {asked.hears}; {asked.seeds} seed{'s' if asked.seeds > 1 else ''}. Development "
        "corpora: figures are in-sample for what was chosen on them."
    )
