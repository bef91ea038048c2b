"""A checksum inside JSON: a file that tells by itself that a digit of it was changed."""

import hashlib
import json
from typing import Any

_CHECKSUM = "checksum"


def seal(content: dict[str, Any]) -> str:
    """Return content as JSON, with the SHA-256 of its canonical form."""
    return json.dumps({**content, _CHECKSUM: _sha256(content)}, separators=(",", ":")) + "\n"


def unseal(sealed: Any) -> dict[str, Any]:
    """Return the content of what `seal` wrote and JSON read.

    Raises:
        ValueError: if it was changed since, or is of something else.
    """
    if not isinstance(sealed, dict) or _CHECKSUM not in sealed:
        raise ValueError("there is no checksum")
    content = {key: value for key, value in sealed.items() if key != _CHECKSUM}
    if sealed[_CHECKSUM] != _sha256(content):
        raise ValueError("the checksum is wrong")
    return content


def _sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
