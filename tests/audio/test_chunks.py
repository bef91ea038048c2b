import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasvox.audio.chunks import ChunkLayout, process_in_chunks

LAYOUT = ChunkLayout(samples=120, context=12, fade=8, alignment=4, batch=3)
TAPS = np.array([0.3, -0.2, 0.5, 0.1, -0.4, 0.2, 0.7, -0.1, 0.25], np.float32)  # reach 4


def noise(samples, channels):
    return np.random.default_rng(samples).standard_normal((channels, samples)).astype(np.float32)


def filtered(rows):
    """A shift-invariant process whose reach, 4 samples, the context covers."""
    if not rows.shape[1]:
        return rows
    return np.stack([np.convolve(row, TAPS)[4:-4] for row in rows])


def run(waveform, size, process, layout=LAYOUT):
    blocks = (waveform[:, at : at + size] for at in range(0, waveform.shape[1], size))
    parts = list(process_in_chunks(blocks, process, layout))
    names = parts[0] if parts else []
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in names}


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 1500), st.integers(1, 400), st.integers(1, 3), st.integers(1, 5))
def test_chunked_equals_whole_at_any_length(samples, size, channels, batch):
    layout = ChunkLayout(samples=120, context=12, fade=8, alignment=4, batch=batch)
    waveform = noise(samples, channels)

    def process(rows):
        return {"same": rows, "filtered": filtered(rows)}

    result = run(waveform, size, process, layout)
    np.testing.assert_allclose(result["same"], waveform, atol=1e-6)
    np.testing.assert_allclose(result["filtered"], filtered(waveform), atol=1e-5)


def test_without_samples_nothing_is_processed():
    def process(rows):
        raise AssertionError("called without samples")

    assert list(process_in_chunks([], process, LAYOUT)) == []
    assert list(process_in_chunks([np.zeros((2, 0), np.float32)], process, LAYOUT)) == []


def test_context_that_is_too_short_shows():
    layout = ChunkLayout(samples=120, context=0, fade=8, alignment=4)
    waveform = noise(1000, 1)
    found = run(waveform, 100, lambda rows: {"f": filtered(rows)}, layout)["f"]
    assert np.abs(found - filtered(waveform)).max() > 0.01


@pytest.mark.parametrize("samples", [121, 500, 1000, 1001, 1234])
def test_long_signals_need_two_shapes_and_aligned_starts(samples):
    shapes, starts = set(), []
    ramp = np.arange(1, samples + 1, dtype=np.float32)[None]

    def process(rows):
        shapes.add(rows.shape)
        starts.extend(rows[:, 0] - 1)
        return {"same": rows}

    run(ramp, 64, process)
    assert shapes <= {(3, 120), (1, 120)}
    assert all(start % LAYOUT.alignment == 0 for start in starts)
    assert starts[-1] + LAYOUT.samples < samples + LAYOUT.alignment  # real content to the end


def test_a_short_signal_is_processed_whole():
    shapes = []

    def process(rows):
        shapes.append(rows.shape)
        return {"same": rows}

    run(noise(120, 2), 7, process)
    assert shapes == [(2, 120)]


def test_neighbours_are_faded_linearly():
    """Chunks that answer with their own number: in between, the answer moves in a line."""
    calls = iter(range(100))

    def process(rows):
        return {"number": np.full_like(rows, next(calls))}

    layout = ChunkLayout(samples=120, context=12, fade=8, alignment=4, batch=1)
    found = run(noise(400, 1), 400, process, layout)["number"][0]
    begin = layout.fade_start
    np.testing.assert_allclose(found[begin : begin + 8], (np.arange(8) + 0.5) / 8, atol=1e-6)
    assert not found[:begin].any()
    assert (found[begin + 8 : begin + layout.stride] == 1).all()


def test_few_chunks_are_held_at_any_time():
    taken, most = 0, 0

    def blocks():
        nonlocal taken
        for _ in range(1000):
            taken += 50
            yield np.zeros((1, 50), np.float32)

    given_back = 0
    for part in process_in_chunks(blocks(), lambda rows: {"same": rows}, LAYOUT):
        given_back += part["same"].shape[1]
        most = max(most, taken - given_back)
    assert given_back == taken
    assert most < (LAYOUT.batch + 1) * LAYOUT.samples


@pytest.mark.parametrize(
    "wrong", [{"context": 13}, {"samples": 36}, {"fade": -4}, {"batch": 0}, {"alignment": 0}]
)
def test_layouts_that_cannot_be(wrong):
    lengths = {"samples": 120, "context": 12, "fade": 8, "alignment": 4, "batch": 3}
    with pytest.raises(ValueError, match=r"alignment|samples"):
        ChunkLayout(**{**lengths, **wrong})
