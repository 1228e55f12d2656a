"""Turns pydantic's errors into lines that name the key as it stands in the file and what was probably meant."""

from __future__ import annotations

import difflib
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Model = type[BaseModel]


def mistakes_in(error: ValidationError, model: Model, given: Any) -> list[str]:
    """One line per mistake.

    Args:
        error: What validation raised.
        model: What was validated against.
        given: What was validated.
    """
    told = [detail for detail in error.errors() if not _follows(detail, error.errors())]
    return [line for detail in told for line in _line(detail, model, given).splitlines()]


def _follows(detail: ErrorDetails, others: list[ErrorDetails]) -> bool:
    """A list is not too short because one of its items is wrong."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in others
    )


def _line(detail: ErrorDetails, model: Model, given: Any) -> str:
    key = ".".join(_keys_in_file(detail["loc"], given))
    what = _what(detail, model)
    return f"{key}: {what}" if key else what


def _what(detail: ErrorDetails, model: Model) -> str:
    context, found = detail.get("ctx", {}), detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown setting.{_did_you_mean(str(detail['loc'][-1]), _settings_at(detail['loc'][:-1], model))}"
        case "union_tag_invalid":
            known = sorted(tag.strip(" '") for tag in str(context["expected_tags"]).split(","))
            tag = str(context["tag"])
            return f'unknown kind "{tag}".{_did_you_mean(tag, known)} Known: {", ".join(known)}.'
        case "union_tag_not_found":
            return "`kind` is missing"
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be {context['expected']}, got {found!r}"
        case "too_short":
            return f"must have at least {context['min_length']} items, got {context['actual_length']}"
        case "tuple_type":
            return f"must be a list, got {found!r}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"must be a mapping, got {found!r}"
    message = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"must be {message}, got {found!r}"


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f' Did you mean "{close[0]}"?'
    return f" Known: {', '.join(known)}." if known else ""


def _keys_in_file(loc: tuple[int | str, ...], given: Any) -> list[str]:
    """The location without the tags that pydantic adds for the members of a union."""
    keys: list[str] = []
    for part in loc:
        # A student is the only one that may leave its kind unsaid.
        is_kind = isinstance(given, dict) and part not in given and given.get("kind", "mi_fuse") == part
        if is_kind or " " in str(part):  # our other tags have a space, which no setting has
            continue
        keys.append(str(part))
        is_place = isinstance(given, list) and isinstance(part, int) and part < len(given)
        given = given[part] if is_place else given.get(part) if isinstance(given, dict) else None
    return keys


def _settings_at(loc: tuple[int | str, ...], model: Model) -> list[str]:
    """The settings that may stand at this location."""
    models = [model]
    for part in loc:
        fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        tagged = [m for m in models if part in _kinds(m)]
        if fields:
            models = [m for annotation in fields for m in _models_in(annotation)]
        elif tagged:
            models = tagged
    return sorted({name for m in models for name in m.model_fields})


def _kinds(model: Model) -> tuple[str, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind and get_origin(kind.annotation) is Literal else ()


def _models_in(annotation: Any) -> list[Model]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
