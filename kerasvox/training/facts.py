"""In what two descriptions of a run differ."""

from collections.abc import Mapping
from typing import Any

_NAMED = 4


def flatten(facts: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested facts as text, by names such as `recipe.data.seconds`."""
    flat = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = str(value)
    return flat


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Name the first facts that differ: `recipe.seed (4, not 3)`; empty if none does.

    Args:
        expected: what they should be, see `flatten`.
        found: what they are.
    """
    names = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    parts = [f"{name} ({found.get(name)}, not {expected.get(name)})" for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(parts) + more
