"""Decoding and resampling in the tf.data graph, through tensorflow-io (the extra `tfio`).

tensorflow-io's last release, 0.37.1, works with TensorFlow 2.17.1 and older alone. With a later
one it can be imported and every operation then fails, so a real decode decides.
"""

import io
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from kerasvox.audio.soundfile_source import SoundfileSource
from kerasvox.data.clip import Audio, Clip
from kerasvox.data.sources import ArraySources
from kerasvox.data.track import Track
from kerasvox.errors import DataError, UsageError

_HINT = "pip install 'kerasvox[tfio]' (TensorFlow 2.17.1, Python 3.12 or older)"
# What its decoders are right about; it takes a WAV of 32 bits for one of floats.
_KINDS = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("MP3", "MPEG_LAYER_III"),
    ("OGG", "VORBIS"),
)
_TAPS = 64  # of its resampling filter, at the lower of both rates


def load_graph() -> tuple[Any, Any]:
    """Return TensorFlow and tensorflow-io.

    Raises:
        UsageError: if they are missing or cannot decode.
    """
    try:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow_io as tfio
    except ImportError as error:
        raise UsageError(
            f"decoding in the graph needs tensorflow-io ({error.name} is missing): {_HINT}"
        ) from error
    flac = io.BytesIO()
    signal = np.arange(-50, 50, dtype=np.int16)[:, np.newaxis]
    soundfile.write(flac, signal, 16000, format="FLAC")
    try:
        decoded = tfio.audio.decode_flac(flac.getvalue(), dtype=tf.int16).numpy()
    except (NotImplementedError, tf.errors.OpError) as error:
        raise UsageError(
            f"tensorflow-io {tfio.__version__} does not decode with TensorFlow "
            f"{tf.__version__}: {_HINT}"
        ) from error
    if not np.array_equal(decoded, signal):
        raise UsageError(f"tensorflow-io {tfio.__version__} decodes wrongly: {_HINT}")
    return tf, tfio


def graph_sources(clips: Sequence[Clip], rate: int, downmix: bool = True) -> list[ArraySources]:
    """Read the sources of clips, decoded and resampled by tf.data.

    They are those of `Clip.training_sources`: to the bit where a lossless file has the rate asked
    for. A resampled one differs by less than -70 dB of its power up to 0.8 of half the lower rate,
    and above in how it falls to that half, where both filters do; a decoded MP3 or Ogg Vorbis file
    by rounding.

    Args:
        clips: clips of files that tensorflow-io decodes: WAV, FLAC, MP3, Ogg Vorbis.
        rate: the sample rate in Hz that the model works at.
        downmix: see `Clip.training_sources`.

    Raises:
        UsageError: if tensorflow-io is missing or does not work.
        DataError: if a clip cannot be read.
    """
    files = [path for clip in clips for path in clip.files]
    loaded = graph_audio(files, rate)
    sources = []
    for clip in clips:
        waveforms, rates = zip(*(next(loaded) for _ in clip.files), strict=True)
        _check_rates(clip, rates, rate)
        pair, _ = clip.assemble([(waveform, rate) for waveform in waveforms])
        sources.append(ArraySources(pair.mean(axis=1) if downmix else pair))
    return sources


def _check_rates(clip: Clip, found: Sequence[int], rate: int) -> None:
    for path, own in zip(clip.files, found, strict=True):
        if not isinstance(clip, Track) and own != rate:
            raise DataError(f"{path}: its rate is {own} Hz; the model works at {rate} Hz")
        if own != found[0]:
            raise DataError(
                f"{path}: its rate is {own} Hz and that of {clip.files[0].name} is {found[0]} Hz; "
                "the stems of a track must have one rate"
            )


def graph_audio(files: Iterable[Path], rate: int) -> Iterator[Audio]:
    """Decode and resample files in a tf.data graph, several at a time, and yield them in order.

    Args:
        files: the files.
        rate: the sample rate in Hz to resample to.

    Yields:
        float32 array of shape `(channels, samples)` at `rate`, and the rate that the file has.

    Raises:
        UsageError: if tensorflow-io is missing or does not work.
        DataError: if a file cannot be decoded.
    """
    tf, tfio = load_graph()
    headers = [_header(path) for path in files]
    if not headers:
        return
    paths, kinds, rates, lengths = zip(*headers, strict=True)
    aligned = [_alignment(found, rate) for found in rates]
    elements = ([str(path) for path in paths], list(kinds), list(rates), aligned)
    dataset = tf.data.Dataset.from_tensor_slices(elements).map(
        lambda path, kind, found, pads: _decode(tf, tfio, path, kind, found, pads, rate),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    results = dataset.prefetch(2).as_numpy_iterator()
    for path, found, length in zip(paths, rates, lengths, strict=True):
        try:
            waveform, decoded = next(results)
        except tf.errors.OpError as error:
            reason = " ".join(str(error.message).split())[:80]
            raise DataError(f"{path}: tensorflow-io cannot decode it ({reason})") from error
        if decoded < length or not np.isfinite(waveform).all():
            what = "is cut short or damaged" if decoded < length else "holds NaN or infinite values"
            raise DataError(f"{path}: {what}; get it again")
        yield np.ascontiguousarray(waveform.T), found


def _header(path: Path) -> tuple[Path, int, int, int]:
    """Return a file, its kind, rate in Hz, and samples that it has at least."""
    try:
        source = SoundfileSource(path)
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error
    except ValueError:
        raise _unknown(path, path.suffix) from None
    source.close()
    kind = (source.format.replace("WAVEX", "WAV"), source.subtype)
    if kind not in _KINDS:
        raise _unknown(path, " ".join(kind))
    lossless = kind[0] in ("WAV", "FLAC")
    return path, _KINDS.index(kind), source.rate, (source.samples or 0) if lossless else 1


def _unknown(path: Path, form: str) -> DataError:
    return DataError(f"{path}: tensorflow-io does not decode {form}; data.decoder: default does")


def _decode(
    tf: Any, tfio: Any, path: Any, kind: Any, found: Any, pads: Any, rate: int
) -> tuple[Any, Any]:
    """Return a file's waveform, `(samples, channels)`, and how many samples it has itself."""
    content = tf.io.read_file(path)
    audio = tfio.audio

    def scaled(samples: Any, bits: int) -> Any:
        return tf.cast(samples, tf.float32) / 2.0 ** (bits - 1)

    waveform = tf.switch_case(
        kind,
        [
            lambda: scaled(audio.decode_wav(content, dtype=tf.int16), 16),
            lambda: scaled(audio.decode_wav(content, dtype=tf.int32), 32),
            lambda: audio.decode_wav(content, dtype=tf.float32),
            lambda: scaled(audio.decode_flac(content, dtype=tf.int16), 16),
            lambda: scaled(audio.decode_flac(content, dtype=tf.int32), 32),
            lambda: audio.decode_mp3(content),
            lambda: audio.decode_vorbis(content),
        ],
    )
    samples = tf.shape(waveform)[0]
    found = tf.cast(found, tf.int64)

    def resampled() -> Any:
        padded = tf.pad(waveform, [[pads[0], pads[1]], [0, 0]])
        length = -(-tf.cast(samples, tf.int64) * rate // found)
        skipped = tf.cast(pads[2], tf.int64)
        return audio.resample(padded, found, rate)[skipped : skipped + length]

    return tf.cond(found == rate, lambda: waveform, resampled), samples


def _alignment(found: int, rate: int) -> tuple[int, int, int]:
    """Return zeros to put before and after a signal, and outputs to skip, to undo the delay.

    Its resampler (Speex) delays by half its filter, 32 samples at the lower of both rates, rounded
    to its liking, and does not give out what is in the filter at the end. With zeros in front the
    delay becomes a whole number of output samples.
    """
    common = math.gcd(found, rate)
    step, outputs = found // common, rate // common
    taps = _TAPS * step // outputs if found > rate else _TAPS
    delay = ((taps - 1) // 8 * 8 + 8) // 2
    front = -delay % step
    return front, 2 * delay + step, (delay + front) // step * outputs
