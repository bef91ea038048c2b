"""Writing one shard: clips in, a TFRecord file and what the index says of it out."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerasvox import presets
from kerasvox.data.augmentation import unit_gains
from kerasvox.data.clip import STEMS, Clip
from kerasvox.data.shards.example import encode_example
from kerasvox.data.shards.index import Record, Shard, ShardedClip
from kerasvox.data.shards.seal import seal
from kerasvox.data.shards.tfrecord import frame

PART = ".part"  # ends the name of a shard that is being written
DONE = ".json"  # ends the name of what the index will say of a finished shard

_RECORD = 1 << 18  # samples: 16 s at 16 kHz, longer than any clip of MIR-1K
_FULL_SCALE = 32768.0


def write_shard(
    path: Path,
    clips: Sequence[tuple[Clip, str | None]],
    rate: int,
    origin: str,
    done: Callable[[], None] = lambda: None,
) -> Shard:
    """Write a shard, whole or not at all, and beside it what the index will say of it.

    Samples are kept in 16 bits, as MIR-1K and most music comes: nothing is lost of a 16-bit file
    at the shards' rate, and reading a stretch is no more than reading bytes.

    Args:
        path: the shard's file.
        clips: what it holds, and the split whose folder each lies in, or None.
        rate: the sample rate in Hz of the shards.
        origin: goes into the index as it is.
        done: called after each clip.

    Raises:
        DataError: if a clip cannot be used.
        OSError: if the shard cannot be written; no other one can then.
    """
    part = path.with_name(path.name + PART)
    digest, length, entries = hashlib.sha256(), 0, []
    try:
        with part.open("wb") as file:
            for clip, folder in clips:
                quantized, exponent = _quantize(clip.channels(rate))
                records = []
                for start in range(0, quantized.shape[-1], _RECORD):
                    stretch = quantized[..., start : start + _RECORD]
                    data, offsets = _example(clip, folder, rate, start, stretch, exponent)
                    framed = frame(data)
                    file.write(framed)
                    digest.update(framed)
                    records.append(Record(length, len(framed), stretch.shape[-1], **offsets))
                    length += len(framed)
                entries.append(_entry(clip, folder, quantized, exponent, records))
                done()
            file.flush()
            os.fsync(file.fileno())
        shard = Shard(
            name=path.name,
            length=length,
            sha256=digest.hexdigest(),
            origin=origin,
            clips=tuple(entries),
        )
        # It comes first: a shard without it is then none that a stopped run left.
        beside = path.with_name(path.name + DONE)
        presets.replace_text(beside, seal(shard.model_dump(mode="json")))
        part.replace(path)
        return shard
    finally:
        part.unlink(missing_ok=True)


def _quantize(channels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return 16-bit samples, and the power of two by which they were scaled down to fit."""
    exponent = 0
    while True:
        scaled = np.rint(channels * np.float32(_FULL_SCALE / 2**exponent))
        if scaled.min() >= -_FULL_SCALE and scaled.max() < _FULL_SCALE:
            return scaled.astype("<i2"), exponent
        exponent += 1


def _example(
    clip: Clip, folder: str | None, rate: int, start: int, stretch: np.ndarray, exponent: int
) -> tuple[bytes, dict[str, int]]:
    attributes = {
        "name": clip.name,
        "song": clip.song,
        "singer": clip.singer,
        "split": folder or "",
        "rate": rate,
        "start": start,
        "samples": stretch.shape[-1],
        "channels": stretch.shape[1],
        "exponent": exponent,
    }
    payloads = {stem: source.tobytes() for stem, source in zip(STEMS, stretch, strict=True)}
    return encode_example(attributes, payloads)


def _entry(
    clip: Clip, folder: str | None, quantized: np.ndarray, exponent: int, records: list[Record]
) -> ShardedClip:
    # Gains of what will be read, so that batches from shards are those from memory.
    read = quantized * np.float32(2.0**exponent / _FULL_SCALE)
    gains = unit_gains(read)
    if len(read[0]) > 1:
        gains = np.concatenate([gains, unit_gains(read.mean(axis=1))[:, np.newaxis]], axis=1)
    return ShardedClip(
        name=clip.name,
        song=clip.song,
        singer=clip.singer,
        folder=folder,
        samples=quantized.shape[-1],
        channels=quantized.shape[1],
        exponent=exponent,
        unit_gains=(tuple(map(float, gains[0])), tuple(map(float, gains[1]))),
        records=tuple(records),
    )
