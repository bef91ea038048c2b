"""One result of the examination."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, told in one line.

    Attributes:
        check: which part of the examination it belongs to, such as `"decoder"`.
        subject: what was looked at, such as `"mp3"`.
        status: `"ok"`; `"warning"`, which kerasvox can do without; or `"broken"`.
        found: what was found.
        advice: what to do about it; empty where there is nothing to do.
        data: measured values, for programs.
    """

    check: str
    subject: str
    status: Status
    found: str
    advice: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as it goes into the JSON report: None for what is not finite."""
        return _finite(asdict(self))


def one_line(error: BaseException) -> str:
    """Return an error as one line: its type, and its message without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
