"""WAV files in the graph: bytes to waveform and back, for REST clients."""

from typing import Any

import tensorflow as tf

from kerasvox.export.checks import require

_FORMAT_PCM, _FORMAT_EXTENSIBLE = 1, 0xFFFE
# A file has a handful of chunks; one made of empty chunks must not keep the server busy.
_MOST_CHUNKS = 100
_UNKNOWN_SIZE = 0xFFFFFFFF  # in files that were written into a pipe


def decode(wav: tf.Tensor, clip: tf.Tensor, rate: int, max_samples: int) -> tf.Tensor:
    """Decode a 16-bit PCM WAV file, checked in the graph.

    `tf.audio.decode_wav` tells little of what it refuses, and refuses files of common tools:
    extensible headers, chunks before the format, sizes left open by a pipe.

    Args:
        wav: scalar string, the file.
        clip: scalar int, its place in the batch, for the messages.
        rate: the only sample rate that is taken, in Hz.
        max_samples: the longest clip that is taken, in samples.

    Returns:
        float32 `(channels, samples)`, full scale at +-1.

    Raises:
        tf.errors.InvalidArgumentError: when run, if the file is anything else.
    """
    size = tf.cast(tf.strings.length(wav), tf.int64)
    # Every header field can be read, wherever the file ends; checks follow each other in order.
    padded = tf.strings.join([wav, tf.constant(b"\0" * 48)])
    head = _text(padded, 0, 4) + _text(padded, 8, 4)
    with require(
        (size >= 12) & (head == b"RIFFWAVE"),
        f"clip {{}} is no WAV file ({{}} bytes received); send 16-bit PCM WAV at {rate} Hz",
        [clip, size],
    ):
        form, _ = _find(padded, size, b"fmt ")
        data, announced = _find(padded, size, b"data")
    with require(
        (form + 16 <= size) & (data <= size),
        "clip {} is truncated: its WAV header ends after {} bytes, before the samples",
        [clip, size],
    ):
        coding, channels = _integer(padded, form, 2), _integer(padded, form + 2, 2)
        coding = tf.where(coding == _FORMAT_EXTENSIBLE, _integer(padded, form + 24, 2), coding)
        found_rate, bits = _integer(padded, form + 4, 4), _integer(padded, form + 14, 2)
    with (
        require(
            (coding == _FORMAT_PCM) & (bits == 16),
            "clip {} has {} bits a sample (WAV format {}); send 16-bit PCM (format 1)",
            [clip, bits, coding],
        ),
        require(
            found_rate == rate,
            f"clip {{}} has a rate of {{}} Hz; send {rate} Hz",
            [clip, found_rate],
        ),
        require(
            (channels >= 1) & (channels <= 2),
            "clip {} has {} channels; send 1 or 2",
            [clip, channels],
        ),
    ):
        available = size - data
    with require(
        (announced <= available) | (announced == _UNKNOWN_SIZE),
        "clip {} is truncated: {} bytes of samples announced, {} received",
        [clip, announced, available],
    ):
        samples = tf.minimum(announced, available) // (2 * channels)
    with require(
        (samples >= 1) & (samples <= max_samples),
        f"clip {{}} has {{}} samples; send 1 to {max_samples} ({max_samples / rate:g} s)",
        [clip, samples],
    ):
        pcm = tf.io.decode_raw(_text(padded, data, 2 * channels * samples), tf.int16)
    waveform = tf.cast(tf.reshape(pcm, [samples, channels]), tf.float32) / 32768.0
    return tf.transpose(waveform)


def encode(waveform: tf.Tensor, rate: int) -> tf.Tensor:
    """Encode `(channels, samples)` as a 16-bit PCM WAV file, clipped at full scale."""
    return tf.audio.encode_wav(tf.transpose(waveform), rate)


def _find(padded: tf.Tensor, size: tf.Tensor, name: bytes) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where the content of a chunk starts (beyond the file if there is none) and its size.

    RIFF: after 12 bytes come chunks of a name, a length, and content padded to an even length.
    """

    def goes_on(offset: tf.Tensor) -> tf.Tensor:
        return (offset + 8 <= size) & (_text(padded, tf.minimum(offset, size), 4) != name)

    def following(offset: tf.Tensor) -> tuple[tf.Tensor]:
        length = _integer(padded, offset + 4, 4)
        return (offset + 8 + length + length % 2,)

    (start,) = tf.while_loop(
        goes_on, following, (tf.constant(12, tf.int64),), maximum_iterations=_MOST_CHUNKS
    )
    start = tf.minimum(start, size)
    missing = _text(padded, start, 4) != name
    return tf.where(missing, size + 8, start + 8), _integer(padded, start + 4, 4)


def _text(padded: tf.Tensor, offset: Any, length: Any) -> tf.Tensor:
    return tf.strings.substr(padded, tf.cast(offset, tf.int64), tf.cast(length, tf.int64))


def _integer(padded: tf.Tensor, offset: tf.Tensor, length: int) -> tf.Tensor:
    """Read an unsigned little-endian integer as int64."""
    digits = tf.io.decode_raw(_text(padded, offset, length), tf.uint8)
    return tf.reduce_sum(tf.cast(digits, tf.int64) * [256**k for k in range(length)])
