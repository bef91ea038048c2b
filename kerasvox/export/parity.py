"""The comparison of an exported artefact with the model it was made from."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from kerasvox.audio.demo_song import RATE, demo_song
from kerasvox.audio.load import load
from kerasvox.audio.resampler import resample
from kerasvox.errors import AudioError, ExportError
from kerasvox.export.artefact import Artefact
from kerasvox.models.separator import Separator

TOLERANCE = 1e-4  # of full scale
MINIMUM_SI_SDR = 60.0  # dB
# What is compared: seconds and batch. No hop divides the first length, one sample less.
CASES = ((0.1, 1), (1.0, 3), (3.7, 1), (3.7, 3), (10.0, 1))
_EQUAL = 200.0  # dB; what differs by less, or not at all, is reported as this
_SILENT = 1e-10  # mean square below which a signal has no meaningful SI-SDR
_REPEATS = 7


def song_excerpts(
    rate: int, audio: Sequence[Path] = (), max_seconds: float = float("inf")
) -> list[np.ndarray]:
    """Return the waveforms that `compare` runs, one a case of `CASES`.

    Args:
        rate: of the model, in Hz.
        audio: files to cut them from; the demo song where there are none.
        max_seconds: what the artefact takes; longer cases are cut.

    Returns:
        float32 arrays `(batch, samples)`. Rows of a batch start at different times.

    Raises:
        AudioError: if a file cannot be read, is empty or holds NaN or infinite samples.
    """
    songs = [_mono(path, rate) for path in audio]
    if not songs:
        song = resample(np.add(*demo_song()), RATE, rate)
        songs = [song.mean(axis=0)]
    rows = np.concatenate(songs)
    excerpts = []
    for seconds, batch in CASES:
        samples = round(min(seconds, max_seconds) * rate)
        samples = max(samples - (seconds < 1), 1)  # no multiple of a hop
        starts = [len(rows) * k // batch for k in range(batch)]
        long = np.tile(rows, 2 + samples // len(rows))
        excerpts.append(np.stack([long[start : start + samples] for start in starts]))
    return excerpts


def compare(artefact: Artefact, separator: Separator, excerpts: Sequence[np.ndarray]) -> dict:
    """Compare the waveform signature with the eager model, and time both on the last excerpt.

    Args:
        artefact: takes `waveform` `(batch, samples)`, gives one output a stem.
        separator: the model, as it was before the export.
        excerpts: waveforms `(batch, samples)`.

    Returns:
        dict of `cases` (a list with `batch`, `samples` and, for each stem,
        `max_abs_difference` and `si_sdr` in dB, of the worst row) and `latency` (medians in
        seconds of the artefact and of `predict_on_batch`, one run of the eager model, and ratios).
    """
    cases, eager = [], 0.0
    for waveform in excerpts:
        start = perf_counter()
        expected = {stem: np.asarray(each) for stem, each in separator(waveform).items()}
        eager = perf_counter() - start
        found, _ = artefact.run({"waveform": waveform})
        cases.append({**_shape(waveform), "stems": differences(expected, found)})
    return {"cases": cases, "latency": _latency(artefact, separator, excerpts[-1], eager)}


def compare_stream(
    step: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    separator: Any,
    waveform: np.ndarray,
) -> dict:
    """Compare a streaming artefact, block after block, with the offline model.

    Args:
        step: runs it once: input name to array -> output name to array.
        separator: the model, which can stream.
        waveform: `(batch, samples)`.

    Returns:
        a case, as in the report of `compare`.
    """
    batch, samples = waveform.shape
    hop, delay = separator.alignment, separator.streaming_delay
    whole = -(-samples // hop) * hop
    padded = np.pad(waveform, [(0, 0), (0, whole - samples)])
    # Unequal blocks of whole hops, then the end of the song.
    edges = [edge for edge in np.cumsum([0, *[1, 3, 8] * (whole // hop)]) * hop if edge < whole]
    blocks = [(padded[:, start:stop], 0.0) for start, stop in pairwise([*edges, whole])]
    if delay:  # else nothing is left to come, and an ONNX graph wants a block that is not empty
        blocks.append((np.zeros((batch, delay), np.float32), 1.0))
    state, pieces = separator.streaming_state(batch), []
    for block, end in blocks:
        ends = np.full(batch, end, np.float32)
        outputs = step({"waveform": block, "end": ends, **state})
        pieces.append({stem: outputs[stem] for stem in separator.stems})
        state = {name: outputs[name] for name in state}
    found = {
        stem: np.concatenate([piece[stem] for piece in pieces], axis=1)[:, delay:][:, :samples]
        for stem in separator.stems
    }
    expected = {stem: np.asarray(each) for stem, each in separator(waveform).items()}
    return {**_shape(waveform), "stems": differences(expected, found)}


def differences(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return how far each stem is from what it should be: the worst row of the batch.

    Raises:
        ExportError: if a stem is missing or has another shape.
    """
    report = {}
    for stem, reference in expected.items():
        if stem not in found or found[stem].shape != reference.shape:
            shape = found[stem].shape if stem in found else "missing"
            raise ExportError(f"the exported {stem} is {shape}, the model's {reference.shape}")
        difference = np.abs(found[stem].astype(np.float64) - reference)
        scores = [si_sdr(*rows) for rows in zip(reference, found[stem], strict=True)]
        audible = [score for score in scores if score is not None]
        report[stem] = {
            "max_abs_difference": float(difference.max()),
            "si_sdr": float(np.min(audible)) if audible else None,
        }
    return report


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float | None:
    """Return the scale-invariant signal-to-distortion ratio in dB, 200 at most.

    `10 log10(|a s|^2 / |a s - e|^2)` with `a = <e, s> / <s, s>` (Le Roux et al., ICASSP 2019).
    `None` where the reference is silent and the ratio means nothing.
    """
    signal, other = reference.astype(np.float64), estimate.astype(np.float64)
    if np.mean(signal**2) < _SILENT:
        return None
    target = signal * (other @ signal / (signal @ signal))
    noise = np.sum((target - other) ** 2)
    power = np.sum(target**2)
    floor = 10 ** (-_EQUAL / 10)
    if power <= floor * np.mean(signal**2):
        return -_EQUAL
    return float(10 * np.log10(power / max(noise, floor * power)))


def worst(cases: Sequence[dict]) -> tuple[float, float]:
    """Return the largest difference and the lowest SI-SDR of all cases and stems."""
    stems = [stem for case in cases for stem in case["stems"].values()]
    ratios = [stem["si_sdr"] for stem in stems if stem["si_sdr"] is not None]
    # numpy's, for a NaN must not get lost among numbers.
    return (
        float(np.max([stem["max_abs_difference"] for stem in stems])),
        float(np.min([_EQUAL, *ratios])),
    )


def check(name: str, cases: Sequence[dict]) -> None:
    """Make sure that the artefact is as good as the model.

    Raises:
        ExportError: if a case is beyond `TOLERANCE` or under `MINIMUM_SI_SDR`.
    """
    difference, ratio = worst(cases)
    # Not "greater": a NaN is no parity either.
    if not (difference <= TOLERANCE and ratio >= MINIMUM_SI_SDR):
        raise ExportError(
            f"{name}: differs from the model by {difference:.1e} (at most {TOLERANCE:.0e}), "
            f"SI-SDR {ratio:.1f} dB (at least {MINIMUM_SI_SDR:.0f}); nothing was written"
        )


def _latency(artefact: Artefact, separator: Separator, waveform: np.ndarray, eager: float) -> dict:
    exported, compiled = [], []
    separator.predict_on_batch(waveform)  # the first call traces
    # In turns, so that a busy machine slows both alike.
    for _ in range(_REPEATS):
        start = perf_counter()
        separator.predict_on_batch(waveform)
        compiled.append(perf_counter() - start)
        exported += artefact.run({"waveform": waveform})[1]
    seconds = {
        "exported": median(exported),
        "predict_on_batch": median(compiled),
        "eager": eager,
    }
    return {
        **_shape(waveform),
        "seconds": seconds,
        "ratio_to_predict_on_batch": seconds["exported"] / seconds["predict_on_batch"],
        "ratio_to_eager": seconds["exported"] / seconds["eager"],
    }


def _shape(waveform: np.ndarray) -> dict[str, int]:
    return {"batch": waveform.shape[0], "samples": waveform.shape[1]}


def _mono(path: Path, rate: int) -> np.ndarray:
    waveform, _ = load(path, rate)
    if not waveform.size:
        raise AudioError(f"{path}: holds no sample to compare the export on")
    return waveform.mean(axis=0)
