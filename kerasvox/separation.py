"""Separating songs of any length, rate and number of channels: files and arrays, streamed.

Each channel is separated by itself. The model gives the vocals, at its own rate; they are brought
back to the input's rate, and the accompaniment is the input minus the vocals there. So the stems
always sum to the input, and what lies above the model's band stays in the accompaniment.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from kerasvox import __version__
from kerasvox.audio.chunks import ChunkLayout, Stems, process_in_chunks
from kerasvox.audio.fifo import SampleFifo
from kerasvox.audio.pending import PendingFile, made_folder
from kerasvox.audio.printable import printable
from kerasvox.audio.reader import AudioReader
from kerasvox.audio.resampler import Resampler
from kerasvox.audio.writer import FORMATS, AudioWriter
from kerasvox.errors import AudioError, UsageError

if TYPE_CHECKING:
    from kerasvox.models.separator import Separator

FADE_SECONDS = 0.05
STEMS = ("vocals", "accompaniment")
MANIFEST = "separation.json"

# Chunks times channels in one batch: more costs memory and gains no speed on a CPU.
_ROWS = 8
_BLOCK_SECONDS = 1.0
_MOST_CHANNELS = 1024  # of an array: more is an array that should have been transposed
# The encodings of an input that its stems keep, each with what FLAC has instead.
_KEPT = {
    "PCM_U8": "PCM_S8",
    "PCM_S8": "PCM_S8",
    "PCM_16": "PCM_16",
    "PCM_24": "PCM_24",
    "PCM_32": "PCM_24",
    "FLOAT": "PCM_24",
    "DOUBLE": "PCM_24",
}

Progress = Callable[[float, float | None], None]


def chunk_layout(separator: "Separator", channels: int = 1) -> ChunkLayout:
    """Return how long signals are cut for a separator, in samples at its rate."""

    def aligned(seconds: float) -> int:
        step = separator.alignment
        return max(1, round(seconds * separator.sample_rate / step)) * step

    return ChunkLayout(
        samples=aligned(separator.chunk_seconds),
        context=aligned(separator.context_seconds),
        fade=aligned(FADE_SECONDS),
        alignment=separator.alignment,
        batch=max(1, _ROWS // channels),
    )


def separate_array(separator: "Separator", waveform: np.ndarray, rate: int) -> Stems:
    """Separate a song that is in memory.

    Args:
        separator: the model.
        waveform: samples of shape `(samples,)` or `(channels, samples)`, full scale at +-1.
        rate: its sample rate in Hz.

    Returns:
        dict of stem name to float32 array, in the input's shape.

    Raises:
        AudioError: if the array has another shape, or holds NaN or infinite samples.
    """
    audio = np.asarray(waveform)
    rows = np.atleast_2d(audio)
    if audio.ndim not in (1, 2) or not 0 < len(rows) <= _MOST_CHANNELS:
        raise AudioError(
            f"an array of shape {audio.shape} is no audio; (samples,) or (channels, samples) is"
        )
    if not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(f"an array of {audio.dtype} is no audio; floats with full scale 1 are")
    if not np.isfinite(audio).all():
        raise AudioError(f"the array of shape {audio.shape} holds NaN or infinite samples")
    rows = rows.astype(np.float32, copy=False)
    size = _block_size(rate)
    blocks = (rows[:, at : at + size] for at in range(0, rows.shape[1], size))
    stems = _gather(separator, blocks, rate, len(rows))
    return {name: stem.reshape(audio.shape) for name, stem in stems.items()}


def separate_file_to_arrays(separator: "Separator", path: str | Path) -> Stems:
    """Separate an audio file; return its stems, float32 `(channels, samples)` by name.

    Raises:
        AudioError: if the file cannot be read.
    """
    with AudioReader(path) as reader:
        blocks = reader.blocks(_block_size(reader.rate))
        return _gather(separator, blocks, reader.rate, reader.channels)


def separate_file(
    separator: "Separator",
    path: str | Path,
    directory: str | Path,
    *,
    stems: Iterable[str] | None = None,
    format: str = "wav",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Separate an audio file into files, with memory for a few chunks of it.

    Writes `<directory>/<song>/vocals.<format>`, `accompaniment.<format>` and `separation.json`, at
    the input's rate, channels and length. All of them appear together when the last sample is on
    the disk, or none. Linear encodings are kept if `format` has them (FLAC takes 24 bits for what
    is finer), else the stems have 16 bits; each stem is rounded for itself, so integer stems sum
    to the song within one step.

    Args:
        separator: the model.
        path: the song.
        directory: where the song's folder is made.
        stems: which stems to write; `None` (or none) for all.
        format: `"wav"`, `"flac"` or `"mp3"`.
        progress: called with the seconds of audio done, and in all (`None` if not known).

    Returns:
        The content of `separation.json`.

    Raises:
        UsageError: for an unknown stem or format, or if a stem would replace the song.
        AudioError: if the song cannot be read or the stems cannot be written.
    """
    path = Path(path)
    if printable(path) != str(path):
        raise AudioError(f"{printable(path)}: its name is not UTF-8; give it another")
    stems = None if stems is None else list(stems)
    check_outputs([path], directory, stems, format)
    folder = song_folder(path, directory)
    names = [name for name in STEMS if not stems or name in stems]
    files = {name: folder / f"{name}.{format}" for name in names}

    with ExitStack() as stack:
        reader = stack.enter_context(AudioReader(path))
        stack.enter_context(made_folder(folder))
        # Entered first, so renamed last: where there is a manifest, its stems are there.
        manifest_file = stack.enter_context(PendingFile(folder / MANIFEST))
        subtype = _subtype(reader.subtype, format)
        shape = (reader.rate, reader.channels, format, subtype)
        writers = {
            name: stack.enter_context(AudioWriter(file, *shape, samples=reader.samples))
            for name, file in files.items()
        }
        total = None if reader.samples is None else reader.samples / reader.rate
        report = progress or (lambda done, total: None)
        report(0.0, total)
        done = 0
        blocks = reader.blocks(_block_size(reader.rate))
        for block in _stream(separator, blocks, reader.rate, reader.channels):
            for name, writer in writers.items():
                writer.write(block[name])
            done += block[names[0]].shape[1]
            report(done / reader.rate, total)
        for writer in writers.values():
            writer.finish()
        manifest = {
            "kerasvox": __version__,
            **_model(separator, reader.channels),
            "input": str(path),
            "directory": str(folder),
            "rate": reader.rate,
            "channels": reader.channels,
            "samples": done,
            "stems": {name: _written(writer) for name, writer in writers.items()},
        }
        manifest_file.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return manifest


def check_outputs(
    songs: Iterable[Path], directory: str | Path, stems: list[str] | None, format: str
) -> None:
    """Check, before any work, that songs can be separated into files as asked for.

    Raises:
        UsageError: for an unknown stem or format, if two songs would write to the same folder,
            or if a stem would replace a song.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")
    for name in stems or ():
        if name not in STEMS:
            raise UsageError(f"unknown stem {name!r}; stems are {', '.join(STEMS)}")
    taken: dict[str, Path] = {}
    for song in songs:
        folder = song_folder(song, directory)
        # Upper and lower case are the same to the file systems of macOS and Windows.
        other = taken.setdefault(str(folder).casefold(), song)
        if other is not song:
            raise UsageError(f"{song}: would write to {folder}, as {other} does; separate it alone")
        if song.resolve().parent == folder.resolve() and song.stem in STEMS:
            raise UsageError(
                f"{song}: could be replaced by its own stem; choose another output folder"
            )


def song_folder(path: str | Path, directory: str | Path) -> Path:
    """Return the folder that a song's stems go to: `<directory>/<file name without suffix>`."""
    path = Path(path)
    # A name of dots alone would lead out of the directory.
    return Path(directory) / (path.stem if path.stem.strip(". ") else path.name)


def _stream(
    separator: "Separator", blocks: Iterable[np.ndarray], rate: int, channels: int
) -> Iterator[Stems]:
    """Separate a stream of blocks `(channels, n)`; yield the stems in order, in blocks."""
    down = Resampler(channels, rate, separator.sample_rate)
    up = Resampler(channels, separator.sample_rate, rate)
    mixture = SampleFifo(channels)  # the input that waits for its vocals

    def at_model_rate() -> Iterator[np.ndarray]:
        for block in blocks:
            mixture.push(block)
            yield down.push(block)
        yield down.flush()

    def stems(vocals: np.ndarray) -> Stems:
        vocals = vocals[:, : len(mixture)]
        return {"vocals": vocals, "accompaniment": mixture.take(vocals.shape[1]) - vocals}

    layout = chunk_layout(separator, channels)
    for chunk in process_in_chunks(at_model_rate(), separator.predict_on_batch, layout):
        yield stems(up.push(chunk["vocals"]))
    # Both resamplers round up, so there are vocals for every sample of the input.
    yield stems(up.flush())


def _gather(
    separator: "Separator", blocks: Iterable[np.ndarray], rate: int, channels: int
) -> Stems:
    """Separate a stream and join the blocks."""
    parts = list(_stream(separator, blocks, rate, channels))
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def _block_size(rate: int) -> int:
    return max(1, round(_BLOCK_SECONDS * rate))


def _subtype(subtype: str, format: str) -> str | None:
    """Return the encoding of the stems of an input that has `subtype`; `None`: the default."""
    if soundfile.check_format(format, subtype) and subtype in _KEPT:
        return subtype
    return _KEPT.get(subtype) if format == "flac" else None


def _model(separator: "Separator", channels: int) -> dict[str, Any]:
    layout = chunk_layout(separator, channels)
    preset = getattr(separator, "preset", None)
    return {
        "model": preset or separator.name,
        "weights_sha256": getattr(separator, "weights_sha256", None),
        "model_rate": separator.sample_rate,
        "chunk_seconds": layout.samples / separator.sample_rate,
        "context_seconds": layout.context / separator.sample_rate,
    }


def _written(writer: AudioWriter) -> dict[str, Any]:
    return {
        "file": writer.path.name,
        "subtype": writer.subtype,
        "peak": round(writer.peak, 6),
        "clipped": writer.clipped,
    }
