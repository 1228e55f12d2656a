"""What a result depends on in the code: the modules that its rule, its trainer and the benchmark import."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FOLLOWED = ("tasks.students", "tasks.fusion", "tasks.maths", "tasks.teachers.loopback", "tasks.encoders.embedding")
_OF_NETWORKS = ("tasks.networks.head", "tasks.networks.pooling", "tasks.networks.passes", "tasks.networks.statistics")


def code_version(*modules: str, root: Path = _ROOT) -> str:
    """A digest of these modules and of all that they import of what matters; comments and docstrings do not count.

    Args:
        modules: With dots.
        root: The folder of `bench` and `tasks`.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        if (module := waiting.pop()) not in found:
            found.add(module)
            waiting += [name for name in _read(module, root)[1] if name.startswith(_FOLLOWED + _OF_NETWORKS)]
    return hashlib.sha256("".join(_read(module, root)[0] for module in sorted(found)).encode()).hexdigest()


@cache
def _read(module: str, root: Path) -> tuple[str, list[str]]:
    """The module's code as a digest, and what it imports."""
    path = root / Path(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    tree = _without_docstrings(ast.parse(file.read_text(encoding="utf-8")))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), sorted(_imported(tree))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree


def _imported(tree: ast.Module) -> set[str]:
    """Names of modules; those that are only imported for types do not change a result."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            found.add(node.module)
    return found
