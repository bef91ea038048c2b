"""The check of a MIR-1K folder before anything is trained or scored on it."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from kerasvox.audio.printable import printable
from kerasvox.data.inspection import Finding, Inspection, inspect_clip
from kerasvox.data.mir1k import MIR1K, SIZES, SPLITS, candidate_files, is_clip, split_of

_AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff", ".m4a")
# fmt: off
_SINGERS = frozenset((
    "Ani", "Kenshin", "abjones", "amy", "annar", "ariel", "bobon", "bug", "davidson", "fdps",
    "geniusturtle", "heycat", "jmzen", "khair", "leon", "stool", "tammy", "titon", "yifen",
))
# fmt: on


@dataclasses.dataclass(frozen=True)
class Report:
    """What a data folder holds and what is wrong with it.

    Attributes:
        directory: the folder.
        clips: clips found for each split.
        seconds: their total duration for each split.
        rates: how many clips have which rate in Hz.
        channels: how many clips have how many channels.
        findings: what is wrong, by path.
        published: how many clips each split has as published, if it was.
    """

    directory: Path
    clips: dict[str, int]
    seconds: dict[str, float]
    rates: dict[int, int]
    channels: dict[int, int]
    findings: tuple[Finding, ...]
    published: dict[str, int] | None = None

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return len(self.findings) - self.errors

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return {
            "directory": printable(self.directory),
            "splits": {
                split: {
                    "clips": self.clips[split],
                    **({"published": self.published[split]} if self.published else {}),
                    "seconds": round(self.seconds[split], 3),
                }
                for split in SPLITS
            },
            "rates": {str(rate): count for rate, count in self.rates.items()},
            "channels": {str(channels): count for channels, count in self.channels.items()},
            "errors": self.errors,
            "warnings": self.warnings,
            "findings": [
                {**dataclasses.asdict(finding), "path": printable(finding.path)}
                for finding in self.findings
            ],
        }


def check(directory: str | Path, progress: Callable[[list[Path]], Iterable[Path]] = iter) -> Report:
    """Read every clip of a MIR-1K folder and report what is wrong.

    Args:
        directory: the folder, in any layout that `MIR1K` reads.
        progress: wraps the list of files that are read one after the other, to show how far the
            check is.

    Raises:
        DataError: if the folder is missing, cannot be listed or holds no clip at all.
    """
    directory = Path(directory)
    files = candidate_files(directory)
    paths = [path for path in files if is_clip(path)]
    inspections = [inspect_clip(path, MIR1K.rate) for path in progress(paths)]
    names = Counter(split_of(name) for name in {path.stem for path in paths})
    clips = {split: names[split] for split in SPLITS}
    findings = [
        *_order_findings(directory, inspections),
        *_name_findings(directory, files),
        *_duplicates(inspections),
        *_count_findings(directory, clips),
    ]
    return Report(
        directory=directory,
        clips=clips,
        seconds={split: _seconds(inspections, split) for split in SPLITS},
        rates=_counts(inspection.rate for inspection in inspections),
        channels=_counts(inspection.channels for inspection in inspections),
        findings=tuple(sorted(findings, key=lambda finding: finding.path)),
        published=SIZES,
    )


def _order_findings(directory: Path, inspections: list[Inspection]) -> Iterator[Finding]:
    """Yield the clips' own findings; if most clips look swapped, say so once."""
    findings = [finding for inspection in inspections for finding in inspection.findings]
    swapped = sum(finding.kind == "swapped" for finding in findings)
    if swapped <= len(inspections) / 2 or swapped == 1:
        yield from findings
        return
    yield from (finding for finding in findings if finding.kind != "swapped")
    yield Finding(
        "warning",
        "swapped",
        directory,
        f"in {swapped} of {len(inspections)} clips left looks like the voice and right like the "
        "accompaniment; MIR-1K has the accompaniment left",
    )


def _name_findings(directory: Path, files: list[Path]) -> Iterator[Finding]:
    for path in files:
        if path.name.startswith("."):
            continue
        folder = "" if path.parent == directory else path.parent.name
        if not is_clip(path):
            # Beside the folders of clips an archive keeps its notes; among clips it has none.
            if folder or path.suffix.lower() in _AUDIO_SUFFIXES:
                yield Finding("warning", "name", path, "is not named as a MIR-1K clip; not used")
            continue
        split = split_of(path.stem)
        if path.stem.partition("_")[0] not in _SINGERS:
            message = f"is named after no singer of MIR-1K; it counts as a {split} clip"
            yield Finding("warning", "name", path, message)
        elif folder in SPLITS and folder != split:
            message = f"lies in {folder}/ but is a {split} clip by its name; used as one"
            yield Finding("warning", "misplaced", path, message)


def _duplicates(inspections: list[Inspection]) -> Iterator[Finding]:
    names: dict[str, Path] = {}
    contents: dict[str, Path] = {}
    for inspection in inspections:
        path = inspection.path
        first = names.setdefault(path.stem, path)
        if first != path:
            yield Finding("error", "duplicate", path, f"the clip is also at {first}; keep one")
        elif inspection.digest:
            first = contents.setdefault(inspection.digest, path)
            if first != path:
                yield Finding("error", "duplicate", path, f"holds the same samples as {first}")


def _count_findings(directory: Path, clips: dict[str, int]) -> Iterator[Finding]:
    for split, found in clips.items():
        if found != SIZES[split]:
            message = f"{found} {split} clips, where the published split has {SIZES[split]}"
            yield Finding("warning", "count", directory, message)


def _seconds(inspections: list[Inspection], split: str) -> float:
    return sum(
        inspection.samples / inspection.rate
        for inspection in inspections
        if inspection.rate and split_of(inspection.path.stem) == split
    )


def _counts(values: Iterable[int]) -> dict[int, int]:
    """Count equal values; 0 stands for files that could not be read."""
    return {value: count for value, count in sorted(Counter(values).items()) if value}
