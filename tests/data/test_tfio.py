import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kerasvox.data.mir1k import MIR1K
from kerasvox.data.stems import Stems, read_track
from kerasvox.data.tfio import graph_audio, graph_sources, load_graph
from kerasvox.errors import DataError, UsageError

RATE = 16000


@pytest.fixture
def tfio():
    """Skip where tensorflow-io does not work: it does with TensorFlow 2.17.1 and older."""
    try:
        load_graph()
    except UsageError as error:
        pytest.skip(str(error))


def noise(samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((samples, 2))


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 0),
        ("a.wav", "PCM_24", 0),
        ("a.wav", "FLOAT", 0),
        ("a.flac", "PCM_16", 0),
        ("a.flac", "PCM_24", 0),
        ("a.mp3", None, 1e-6),
        ("a.ogg", "VORBIS", 1e-6),
    ],
)
def test_decoding_equals_the_default(tfio, tmp_path, name, subtype, tolerance):
    soundfile.write(tmp_path / name, noise(20000), RATE, subtype)
    ((found, rate),) = graph_audio([tmp_path / name], RATE)
    expected = soundfile.read(tmp_path / name, dtype="float32")[0].T
    assert rate == RATE
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_the_clips_of_a_folder_are_the_same_to_the_bit(tfio, tmp_path, write_clip):
    for number in range(4):
        write_clip(f"amy_1_0{number}.{'flac' if number % 2 else 'wav'}", seed=number)
    clips = MIR1K(tmp_path).clips("train")
    for clip, found in zip(clips, graph_sources(clips, RATE), strict=True):
        pair = np.stack([found.signal(source, 0) for source in range(2)])
        np.testing.assert_array_equal(pair, clip.sources(RATE))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_equals_the_default_within_the_stated_tolerance(tfio, tmp_path, rate):
    folder = tmp_path / "song"
    folder.mkdir()
    for seed, stem in enumerate(("vocals", "drums", "bass", "other")):
        soundfile.write(folder / f"{stem}.flac", noise(2 * rate, seed), rate)
    tracks = Stems(tmp_path).tracks
    (found,) = graph_sources(tracks, RATE, downmix=False)
    expected = tracks[0].channels(RATE)
    assert (found.samples, found.channels) == (expected.shape[2], 2)
    window = np.hanning(found.samples)
    band = slice(0, int(0.8 * min(rate / RATE, 1) * found.samples / 2))
    for source in range(2):
        for channel in range(2):
            reference = expected[source, channel]
            difference = np.fft.rfft(window * (found.signal(source, channel) - reference))[band]
            power = np.sum(np.abs(np.fft.rfft(window * reference)[band]) ** 2)
            assert 10 * np.log10(np.sum(np.abs(difference) ** 2) / power) < -70


def test_a_file_that_cannot_be_decoded_is_named(tfio, tmp_path):
    good, bad = tmp_path / "a.flac", tmp_path / "b.flac"
    for path in (good, bad):
        soundfile.write(path, noise(20000), RATE)
    content = bytearray(bad.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    bad.write_bytes(content)
    audio = graph_audio([good, bad], RATE)
    assert next(audio)[0].shape == (2, 20000)
    with pytest.raises(DataError) as caught:
        next(audio)
    assert str(caught.value).startswith(f"{bad}: ")
    assert "\n" not in str(caught.value)


def test_a_format_that_it_does_not_decode_is_named(tfio, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(100), RATE, "PCM_32")
    with pytest.raises(DataError, match="tensorflow-io does not decode WAV PCM_32"):
        list(graph_audio([path], RATE))
    path = path.rename(tmp_path / "a.m4a")
    path.write_bytes(b"no audio")
    with pytest.raises(DataError, match=r"tensorflow-io does not decode \.m4a"):
        list(graph_audio([path], RATE))


def test_stems_of_different_rates_are_refused(tfio, tmp_path):
    for stem, rate in (("vocals", RATE), ("accompaniment", 8000)):
        soundfile.write(tmp_path / f"{stem}.wav", noise(rate), rate)
    track = read_track(tmp_path)
    with pytest.raises(DataError, match=r"accompaniment.wav: its rate is 8000 Hz and that of"):
        graph_sources([track], RATE)


def test_without_it_a_line_says_what_to_install():
    code = (
        "import sys; sys.modules['tensorflow_io'] = None\n"
        "from kerasvox.data.tfio import load_graph\n"
        "try: load_graph()\nexcept Exception as error: print(type(error).__name__, error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == (
        "UsageError decoding in the graph needs tensorflow-io (tensorflow_io is missing): pip "
        "install 'kerasvox[tfio]' (TensorFlow 2.17.1, Python 3.12 or older)\n"
    )
