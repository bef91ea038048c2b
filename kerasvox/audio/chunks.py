"""Long signals in chunks: every chunk has real context, neighbours are cross-faded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from kerasvox.audio.fifo import SampleFifo

Stems = dict[str, np.ndarray]


@dataclass(frozen=True)
class ChunkLayout:
    """How a signal is cut. All lengths in samples, and multiples of `alignment`.

    Neighbouring chunks share `2 · context + fade` samples. The outer `context` of either is what
    the model needs to find its footing, and is discarded; over `fade` samples in the middle one
    chunk gives way to the next, with weights that sum to one.

    Attributes:
        samples: length of a chunk.
        context: samples at an inner edge of a chunk whose result is discarded.
        fade: length of the cross-fade.
        alignment: chunks start at multiples of it (the model's hop: the frames of a chunk are
            then frames of the whole signal).
        batch: how many chunks are processed together.
    """

    samples: int
    context: int
    fade: int
    alignment: int = 1
    batch: int = 1

    def __post_init__(self):
        if self.alignment < 1 or self.batch < 1 or self.context < 0 or self.fade < 0:
            raise ValueError(f"alignment and batch start at 1, context and fade at 0: {self}")
        if any(n % self.alignment for n in (self.samples, self.context, self.fade)):
            raise ValueError(f"lengths must be multiples of alignment: {self}")
        if self.stride < max(1, self.fade):
            raise ValueError(f"samples must be at least 2 · context + 2 · fade, above 0: {self}")

    @property
    def stride(self) -> int:
        """Distance between the starts of neighbouring chunks, in samples."""
        return self.samples - 2 * self.context - self.fade

    @property
    def fade_start(self) -> int:
        """Where a chunk begins to give way to the next one, counted from its own start."""
        return self.samples - self.context - self.fade


@dataclass(frozen=True)
class _Chunk:
    start: int  # in the signal
    waveform: np.ndarray  # (channels, layout.samples), or the whole of a shorter signal
    end: int | None = None  # length of the signal, known with its last chunk


def process_in_chunks(
    blocks: Iterable[np.ndarray], process: Callable[[np.ndarray], Stems], layout: ChunkLayout
) -> Iterator[Stems]:
    """Process a signal of any length in chunks, with memory for a few of them.

    A signal of up to `layout.samples` is processed whole. In a longer one every chunk has the
    same length (a new shape costs a compiled model a new trace): the last one is moved to the
    left until it ends with the signal, up to a remainder below `alignment` that is filled with
    zeros. `layout.batch` chunks are processed at once, the last few one by one, so that two
    shapes are enough for a long signal.

    Args:
        blocks: the signal, in blocks of shape `(channels, n)`, float32, any `n`.
        process: takes `(rows, samples)`, each row a channel of a chunk, and returns arrays of
            the same shape by name.
        layout: lengths of chunks, context and fade.

    Yields:
        The result in order: arrays `(channels, n)` by name. Together they are as long as the
        signal; a signal without samples yields nothing.
    """
    joiner = _Joiner(layout)
    pending: list[_Chunk] = []
    for chunk in _cut(blocks, layout):
        pending.append(chunk)
        if len(pending) == layout.batch:
            for done, stems in zip(pending, _process(pending, process), strict=True):
                yield joiner.join(done, stems)
            pending = []
    for chunk in pending:
        yield joiner.join(chunk, _process([chunk], process)[0])


def _cut(blocks: Iterable[np.ndarray], layout: ChunkLayout) -> Iterator[_Chunk]:
    """Cut a signal into chunks; the one that reaches its end carries the signal's length."""
    fifo: SampleFifo | None = None
    start = 0  # of the newest chunk, which is also where the queue begins
    stride = 0  # to the next chunk: the first one starts where the signal does
    for block in blocks:
        if fifo is None:
            fifo = SampleFifo(len(block))
        fifo.push(block)
        while len(fifo) > stride + layout.samples:  # the signal goes on after the next chunk
            fifo.drop(stride)
            start += stride
            stride = layout.stride
            yield _Chunk(start, fifo.peek(layout.samples))
    if fifo is None or not len(fifo):
        return
    end = start + len(fifo)
    excess = max(0, end - layout.samples)
    last = -(-excess // layout.alignment) * layout.alignment
    fifo.drop(last - start)
    waveform = fifo.take(len(fifo))
    if last:
        waveform = np.pad(waveform, ((0, 0), (0, layout.samples - waveform.shape[1])))
    yield _Chunk(last, waveform, end)


def _process(chunks: list[_Chunk], process: Callable[[np.ndarray], Stems]) -> list[Stems]:
    """Process several chunks of one shape as the rows of one batch."""
    channels = len(chunks[0].waveform)
    results = process(np.concatenate([chunk.waveform for chunk in chunks]))
    return [
        {name: rows[i * channels : (i + 1) * channels] for name, rows in results.items()}
        for i in range(len(chunks))
    ]


class _Joiner:
    """Puts processed chunks together again."""

    def __init__(self, layout: ChunkLayout):
        self._layout = layout
        self._joined = 0  # samples of the signal that are finished
        self._fading: Stems = {}  # the next `fade` samples, as the chunk before has them
        self._rise = (np.arange(layout.fade, dtype=np.float32) + 0.5) / max(1, layout.fade)

    def join(self, chunk: _Chunk, stems: Stems) -> Stems:
        """Return the samples that this chunk finishes, by name, `(channels, n)`."""
        begin = self._joined - chunk.start
        stop = self._layout.fade_start if chunk.end is None else chunk.end - chunk.start
        finished = {name: rows[:, begin:stop].copy() for name, rows in stems.items()}
        for name, before in self._fading.items():
            after = finished[name][:, : before.shape[1]]
            after += (before - after) * (1 - self._rise)
        # A copy: a view would keep the whole batch alive until the next one.
        fading = slice(stop, stop + self._layout.fade)
        self._fading = {name: rows[:, fading].copy() for name, rows in stems.items()}
        self._joined = chunk.start + stop
        return finished
