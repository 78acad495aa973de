"""Pipelines as plain values: what albumentations is to do, before that is loaded. Read from a person's YAML or JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from negbuild.errors import UsageError

COMPOSITIONS = ("Compose", "OneOf", "OneOrOther", "RandomOrder", "SelectiveChannelTransform", "Sequential", "SomeOf")
"""Albumentations' steps that are made of steps."""

_EXAMPLE = '[{"HorizontalFlip": {"p": 0.5}}]'


class Edges(StrEnum):
    """What a picture goes on with where a step moves its edge inwards."""

    AS_IS = "as is"
    """Whatever the steps themselves say."""

    PAPER = "paper"
    """The colour along its own edge, strokes that cross the edge not counted."""

    INSIDE = "inside"
    """The same where the edge is plain, as of a product shot; else nothing: only what was photographed is shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transform of albumentations with its arguments; a composition has the steps that it is made of."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple["Step", ...] = ()

    def plain(self) -> dict[str, Any]:
        """Write the step as a person would in a file."""
        inner = {"transforms": [step.plain() for step in self.steps]} if self.steps else {}
        return {self.name: {**self.arguments, **inner}}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How children are made: a name, the steps in order, and what is beyond the edges."""

    name: str
    steps: tuple[Step, ...]
    edges: Edges = Edges.AS_IS

    def text(self, **more: object) -> str:
        """Write the recipe as JSON, the same way every time, with what else is to be remembered."""
        steps = [step.plain() for step in self.steps]
        return json.dumps({"name": self.name, "edges": self.edges, "steps": steps, **more}, sort_keys=True)


def parse_pipeline(text: str, subject: str) -> Recipe:
    """Read YAML or JSON: a list of steps such as `{HorizontalFlip: {p: 0.5}}`, or what albumentations saves.

    Raises UsageError, which begins with `subject`, where it is anything else.
    """
    import yaml

    try:
        document = yaml.safe_load(text)  # JSON is YAML too
    except yaml.YAMLError as error:
        fault = " ".join(str(getattr(error, "problem", "") or error).split())
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{subject}: is neither YAML nor JSON ({_place(mark)}{fault})") from error
    steps = _opened(document)
    if not isinstance(steps, list) or not steps:
        raise UsageError(f"{subject}: holds no list of steps; such as {_EXAMPLE}")
    return Recipe(subject, tuple(_step(one, subject) for one in steps))


def _place(mark: Any) -> str:  # noqa: ANN401  PyYAML's own
    return f"line {mark.line + 1}: " if mark else ""


def _opened(document: object) -> object:
    """Return the list of steps, out of what may be wrapped about it."""
    while isinstance(document, dict):
        if "transform" in document:
            document = document["transform"]
        elif document.get("__class_fullname__", "").rpartition(".")[2] in {"Compose", "ReplayCompose"}:
            document = document.get("transforms")
        elif list(document) in (["Compose"], ["transforms"]):
            (document,) = document.values()
        else:
            return [document]
    return document


def _step(given: object, subject: str) -> Step:
    if isinstance(given, str):
        return Step(given)
    if not isinstance(given, dict) or not given:
        raise UsageError(f"{subject}: {json.dumps(given, default=str)[:60]} is no step; such as {_EXAMPLE}")
    if "__class_fullname__" in given:
        name, arguments = str(given["__class_fullname__"]), {k: v for k, v in given.items() if k[:2] != "__"}
    else:
        (name, arguments), *more = ((str(key), value) for key, value in given.items())
        if more:
            raise UsageError(f"{subject}: {name} and {more[0][0]} are in one step; begin each with a dash of its own")
    arguments = {} if arguments is None else arguments
    if isinstance(arguments, list) and name in COMPOSITIONS:
        arguments = {"transforms": arguments}
    if not isinstance(arguments, dict):
        raise UsageError(f"{subject}: {name} needs its arguments by name, such as {{p: 0.5}}")
    inner = arguments.pop("transforms", None) or []
    if not isinstance(inner, list):
        raise UsageError(f"{subject}: {name} needs a list of transforms")
    return Step(name, arguments, tuple(_step(one, subject) for one in inner))
