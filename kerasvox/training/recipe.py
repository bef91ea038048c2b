"""Recipes: what trains a preset, read from YAML and checked."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kerasvox.errors import RecipeError
from kerasvox.training.sections import RECIPES, Recipe

_DEFAULT_SYSTEM = "drnn"


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        path: a YAML file.

    Returns:
        The recipe of the system that `model.system` names; see `sections`.

    Raises:
        RecipeError: if the file cannot be read, is no YAML mapping, or holds an unknown key (the
            nearest right one is named) or a value out of its range. One line, every fault in it.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: is no YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: must be a mapping of keys to values, such as 'steps: 1000'")
    kind = RECIPES[_system(path, content)]
    try:
        return kind(**content)
    except ValidationError as error:
        faults = "; ".join(_explain(fault, kind) for fault in error.errors())
        raise RecipeError(f"{path}: {faults}") from error
    except TypeError as error:
        raise RecipeError(f"{path}: its keys must be words ({error})") from error


def _system(path: str | Path, content: dict[Any, Any]) -> str:
    model = content.get("model")
    system = model.get("system", _DEFAULT_SYSTEM) if isinstance(model, dict) else _DEFAULT_SYSTEM
    if not isinstance(system, str) or system not in RECIPES:
        raise RecipeError(f"{path}: model.system is {system!r}; systems are {', '.join(RECIPES)}")
    return system


def _explain(fault: Any, kind: type[Recipe]) -> str:
    *parents, key = fault["loc"] or ("",)
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _keys(kind, parents)
        near = get_close_matches(str(key), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"keys are {', '.join(sorted(known))}"
        return f"unknown key {where!r}; {hint}"
    if fault["type"] == "missing":
        return f"{where!r} is missing"
    if fault["type"] == "value_error":  # one of our own, on a section or the whole
        return (f"{where}: " if where else "") + fault["msg"].removeprefix("Value error, ")
    return f"{where} is {fault['input']!r}; {fault['msg']}"


def _keys(section: Any, parents: Iterable[Any]) -> list[str]:
    for parent in parents:
        section = section.model_fields[parent].annotation
    return list(section.model_fields)
