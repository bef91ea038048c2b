"""The parity report of a SavedModel: every signature against the model."""

from collections.abc import Sequence

import numpy as np

from kerasvox.errors import ExportError
from kerasvox.export.artefact import Artefact
from kerasvox.export.parity import check, compare, compare_stream
from kerasvox.export.warmup import wav_file
from kerasvox.models.separator import Separator

# In least significant bits: the stems' own difference may tip a value over the edge of rounding.
_WAV_TOLERANCE = 4


def saved_model_parity(
    artefact: Artefact, separator: Separator, excerpts: Sequence[np.ndarray]
) -> dict:
    """Run all signatures in a clean process.

    Args:
        artefact: the SavedModel.
        separator: the model it was made from.
        excerpts: waveforms `(batch, samples)`.

    Returns:
        dict of the signatures' reports: see `compare`, `compare_stream`; of `wav_bytes` the
        greatest difference to the rounded output of the model, in least significant bits.

    Raises:
        ExportError: if a signature fails or differs too much.
    """
    report = compare(artefact, separator, excerpts)
    check("serving_default", report["cases"])
    report["wav_bytes"] = _compare_wav(artefact, separator, excerpts)
    if separator.can_stream:

        def step(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return artefact.run(inputs, "streaming")[0]

        cases = [compare_stream(step, separator, excerpts[index]) for index in (0, -2)]
        check("streaming", cases)
        report["streaming"] = {"cases": cases, "delay": separator.streaming_delay}
    return report


def _compare_wav(artefact: Artefact, separator: Separator, excerpts: Sequence[np.ndarray]) -> dict:
    """Compare a batch of unequal clips, of one and two channels, with the rounded stems."""
    clips = [excerpt[:2] for excerpt in excerpts[:2]]
    files = np.array([wav_file(clip, separator.sample_rate) for clip in clips], object)
    outputs, _ = artefact.run({"wav_bytes": files}, "wav_bytes")
    worst = 0
    for index, file in enumerate(files):
        stems = separator(_pcm(file, len(clips[index])) / np.float32(32768))
        for stem, waveform in stems.items():
            expected = np.clip(np.round(np.asarray(waveform) * 32768.0), -32768, 32767)
            found = _pcm(outputs[f"{stem}_bytes"][index], len(clips[index]))
            if found.shape != expected.shape:
                raise ExportError(f"wav_bytes: {stem} is {found.shape}, not {expected.shape}")
            worst = max(worst, int(np.abs(found - expected).max()))
    if worst > _WAV_TOLERANCE:
        raise ExportError(
            f"wav_bytes: differs from the model by {worst} of 32768 (at most {_WAV_TOLERANCE}); "
            "nothing was written"
        )
    return {"clips": len(clips), "max_difference_lsb": worst}


def _pcm(file: bytes, channels: int) -> np.ndarray:
    """Return the samples of a file that TensorFlow wrote (its header has 44 bytes)."""
    return np.frombuffer(file[44:], "<i2").reshape(-1, channels).T.astype(np.float32)
