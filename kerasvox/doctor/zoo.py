"""Whether the presets are whole, and whether the smallest one separates."""

import time
from collections.abc import Iterator

import numpy as np

from kerasvox import presets
from kerasvox.doctor.finding import Finding, one_line
from kerasvox.errors import PresetError

_SECONDS = 2.0
# A folder of the zoo with one of them is a preset; with a recipe alone it is yet to be trained.
_FILES = (presets.CONFIG, presets.WEIGHTS, presets.SUMS, presets.METRICS)
_REINSTALL = "pip install --force-reinstall --no-deps kerasvox"


def check_presets() -> Iterator[Finding]:
    """Compare the files of every preset of the zoo with their sha256."""
    zoo = presets.zoo_directory()
    # Not `list_presets`, which leaves out those that lost their weights.
    directories = sorted({path.parent for file in _FILES for path in zoo.glob(f"*/{file}")})
    if not directories:
        yield Finding("preset", "zoo", "broken", f"there is no preset in {zoo}", _REINSTALL)
    for directory in directories:
        name = directory.name
        try:
            presets.verify(directory, presets.CONFIG)
            presets.verify(directory, presets.WEIGHTS)
        except (PresetError, OSError) as error:
            yield Finding("preset", name, "broken", one_line(error), _REINSTALL)
            continue
        digest = presets.weights_sha256(directory)
        size = (directory / presets.WEIGHTS).stat().st_size
        data = {"weights_sha256": digest, "bytes": size}
        yield Finding("preset", name, "ok", f"whole, weights {digest[:12]}", data=data)


def check_separation(preset: str) -> Finding:
    """Separate two seconds of the demo song; the stems must be sound and sum to it.

    Args:
        preset: its name.
    """
    advice = f"try kerasvox --debug separate song.wav -m {preset}, and report what it prints"
    try:
        song, stems, seconds = _separate(preset)
    except Exception as error:
        return Finding("self-test", preset, "broken", f"fails ({one_line(error)})", advice)
    difference = float(np.abs(sum(stems.values()) - song).max())
    levels = {name: float(stem.std()) for name, stem in stems.items()}
    data = {"difference": difference, "seconds": seconds, "levels": levels}
    if not difference < 1e-5:  # NaN, too
        found = f"the stems do not sum to the song: they differ by {difference:.1e}"
        return Finding("self-test", preset, "broken", found, advice, data)
    if not min(levels.values()) > 1e-3:
        silent = min(levels, key=lambda name: levels[name])
        found = f"separates nothing: the {silent} are silent"
        return Finding("self-test", preset, "broken", found, advice, data)
    found = f"{_SECONDS:g} s separated in {seconds:.1f} s; the stems sum to the song"
    return Finding("self-test", preset, "ok", found, data=data)


def _separate(preset: str) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    from kerasvox.audio.demo_song import RATE, demo_song
    from kerasvox.models.separator import Separator

    song = np.add(*demo_song())[:, : round(_SECONDS * RATE)]
    separator = Separator.from_preset(preset)
    began = time.perf_counter()
    stems = separator.separate(song, RATE)
    return song, stems, time.perf_counter() - began
