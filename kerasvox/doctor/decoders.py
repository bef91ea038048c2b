"""Whether audio files of each kind can be read: each is written and read again."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kerasvox.doctor.finding import Finding, one_line

_RATE = 44100
_HERTZ = 441.0
_SECONDS = 1.0
# The library that decodes it, by the file's suffix.
_LIBRARIES = {
    "wav": "soundfile",
    "flac": "soundfile",
    "ogg": "soundfile",
    "mp3": "soundfile",
    "m4a": "av",
}


def check_decoders() -> Iterator[Finding]:
    """Write a tone of a second in each format, and read it as `kerasvox separate` would."""
    with tempfile.TemporaryDirectory(prefix="kerasvox-doctor-") as folder:
        for format, library in _LIBRARIES.items():
            yield _check(format, library, Path(folder) / f"tone.{format}")


def _check(format: str, library: str, path: Path) -> Finding:
    advice = f"pip install --force-reinstall --upgrade {library}"
    try:
        fault = _round_trip(library, path)
    except Exception as error:  # whatever a broken library comes up with
        return Finding("decoder", format, "broken", f"fails ({one_line(error)})", advice)
    if fault:
        return Finding("decoder", format, "broken", fault, advice)
    return Finding("decoder", format, "ok", f"a tone was decoded by {library}")


def _round_trip(library: str, path: Path) -> str | None:
    """Return what is wrong with what was read, if anything is."""
    from kerasvox.audio.load import load

    time = np.arange(round(_RATE * _SECONDS)) / _RATE
    tone = 0.5 * np.sin(2 * np.pi * _HERTZ * time).astype(np.float32)
    _write(library, path, np.stack([tone, tone]))
    audio, rate = load(path)
    if len(audio) != 2 or rate != _RATE or abs(audio.shape[1] - len(tone)) > 0.1 * _RATE:
        return f"reads {audio.shape} at {rate} Hz of {(2, len(tone))} at {_RATE} Hz"
    middle = audio[0, _RATE // 4 : -_RATE // 4]
    heard = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))))
    hertz, level = heard * _RATE / len(middle), middle.std() / tone.std()
    if abs(hertz - _HERTZ) > 5 or not 0.8 < level < 1.2:
        return f"decodes wrongly: {hertz:.0f} Hz at {level:.2f} of the level for {_HERTZ:.0f} Hz"
    return None


def _write(library: str, path: Path, audio: np.ndarray) -> None:
    if library == "soundfile":
        import soundfile

        soundfile.write(path, audio.T, _RATE)
        return
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=_RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(audio, format="fltp", layout="stereo")
        frame.sample_rate = _RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
