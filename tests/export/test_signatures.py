import io
import struct
import wave

import numpy as np
import pytest
import soundfile
import tensorflow as tf

RATE = 8000


@pytest.fixture(scope="module")
def signatures(exported):
    loaded = tf.saved_model.load(str(exported[0]))
    return dict(loaded.signatures), loaded  # the functions live as long as what holds them


@pytest.fixture
def run(signatures):
    def run(signature, **inputs):
        outputs = signatures[0][signature](**{k: tf.constant(v) for k, v in inputs.items()})
        return {name: each.numpy() for name, each in outputs.items()}

    return run


def noise(*shape):
    return np.random.default_rng(1).uniform(-0.5, 0.5, shape).astype("float32")


def wav_file(waveform, rate=RATE, **options):
    file = io.BytesIO()
    options = {"format": "WAV", "subtype": "PCM_16", **options}
    soundfile.write(file, waveform.T, rate, **options)
    return file.getvalue()


def pcm(file):
    with wave.open(io.BytesIO(file)) as opened:
        assert (opened.getsampwidth(), opened.getframerate()) == (2, RATE)
        frames = opened.readframes(opened.getnframes())
        return np.frombuffer(frames, "<i2").reshape(-1, opened.getnchannels()).T


def with_chunk(file, at, name=b"LIST", content=b"odd"):
    chunk = name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return file[:at] + chunk + file[at:]


def with_data_size(file, size):
    return file[:40] + struct.pack("<I", size) + file[44:]


GOOD = wav_file(noise(1, 1000))

READABLE = {
    "plain": GOOD,
    "a chunk before the format": with_chunk(GOOD, 12),
    "a chunk before the samples": with_chunk(GOOD, 36),
    "a chunk after the samples": with_chunk(GOOD, len(GOOD)),
    "written into a pipe": with_data_size(GOOD, 0xFFFFFFFF),
    "extensible": wav_file(noise(1, 1000), format="WAVEX"),
}

UNREADABLE = {
    "empty": (b"", r"clip 1 is no WAV file \(0 bytes received\); send 16-bit PCM WAV at 8000 Hz"),
    "text": (b"not audio at all" * 9, r"clip 1 is no WAV file \(144 bytes received\)"),
    "flac": (wav_file(noise(1, 99), format="FLAC"), "clip 1 is no WAV file"),
    "big-endian": (b"RIFX" + GOOD[4:], "clip 1 is no WAV file"),
    "a header cut": (GOOD[:30], "clip 1 is truncated: its WAV header ends after 30 bytes"),
    "no format": (GOOD[:12] + GOOD[36:], "clip 1 is truncated"),
    "samples cut": (GOOD[:-501], "truncated: 2000 bytes of samples announced, 1499 received"),
    "no samples": (wav_file(noise(1, 0)), r"clip 1 has 0 samples; send 1 to 8000 \(1 s\)"),
    "half a sample": (with_data_size(GOOD, 1), "clip 1 has 0 samples"),
    "too long": (wav_file(noise(1, 8001)), "clip 1 has 8001 samples; send 1 to 8000"),
    "another rate": (wav_file(noise(1, 99), 44100), "clip 1 has a rate of 44100 Hz; send 8000 Hz"),
    "8 bits": (wav_file(noise(1, 99), subtype="PCM_U8"), "clip 1 has 8 bits a sample"),
    "24 bits": (wav_file(noise(1, 99), subtype="PCM_24"), "24 bits a sample .*send 16-bit PCM"),
    "floats": (wav_file(noise(1, 99), subtype="FLOAT"), r"32 bits a sample \(WAV format 3\)"),
    "mu-law": (wav_file(noise(1, 99), subtype="ULAW"), r"8 bits a sample \(WAV format 7\)"),
    "extensible floats": (wav_file(noise(1, 99), format="WAVEX", subtype="FLOAT"), "format 3"),
    "8 channels": (wav_file(noise(8, 99)), "clip 1 has 8 channels; send 1 or 2"),
    "0 channels": (GOOD[:22] + b"\0\0" + GOOD[24:], "clip 1 has 0 channels; send 1 or 2"),
    "thousands of chunks": (GOOD[:12] + b"junk\0\0\0\0" * 5000, "clip 1 is truncated"),
}


def test_waveforms_of_any_batch_and_length(run, model):
    for shape in ((1, 1), (2, 999), (3, 64), (1, 8000)):
        waveform = noise(*shape)
        outputs, expected = run("serving_default", waveform=waveform), model(waveform)
        for stem in model.stems:
            np.testing.assert_allclose(outputs[stem], expected[stem], atol=1e-5)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros((0, 100), np.float32), "waveform has a batch of 0; send at least 1 clip"),
        (
            np.zeros((1, 0), np.float32),
            r"waveform has 0 samples; send 1 to 8000 \(1 s at 8000 Hz\)",
        ),
        (np.zeros((1, 8001), np.float32), "waveform has 8001 samples; send 1 to 8000"),
        (np.array([[0, np.nan, np.inf]], np.float32), "has 2 samples that are NaN or infinite"),
    ],
)
def test_waveforms_that_cannot_be_separated(run, waveform, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run("serving_default", waveform=waveform)


def test_wav_files_keep_their_lengths_and_channels(run, model):
    waveforms = [noise(1, 999), noise(2, 8000), noise(1, 1)]
    outputs = run("wav_bytes", wav_bytes=[wav_file(each) for each in waveforms])
    for index, waveform in enumerate(waveforms):
        decoded = pcm(wav_file(waveform)).astype("float32") / 32768
        for stem, expected in model(decoded).items():
            found = pcm(outputs[f"{stem}_bytes"][index])
            assert found.shape == waveform.shape
            np.testing.assert_allclose(found, np.asarray(expected) * 32768, atol=0.51)


def test_the_stems_of_a_wav_file_sum_to_it(run):
    outputs = run("wav_bytes", wav_bytes=[GOOD])
    total = sum(pcm(files[0]).astype(int) for files in outputs.values())
    np.testing.assert_allclose(total, pcm(GOOD), atol=1)


@pytest.mark.parametrize("kind", READABLE)
def test_wav_files_of_common_tools_are_read(run, kind):
    outputs, expected = (
        run("wav_bytes", wav_bytes=[READABLE[kind]]),
        run("wav_bytes", wav_bytes=[GOOD]),
    )
    assert outputs["vocals_bytes"][0] == expected["vocals_bytes"][0]


@pytest.mark.parametrize("kind", UNREADABLE)
def test_every_other_file_is_refused_by_its_place_and_reason(run, kind):
    file, message = UNREADABLE[kind]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run("wav_bytes", wav_bytes=[GOOD, file])


def test_an_empty_batch_of_files_is_refused(run):
    with pytest.raises(tf.errors.InvalidArgumentError, match="wav_bytes has a batch of 0"):
        run("wav_bytes", wav_bytes=np.array([], "S1"))


def test_a_stream_equals_the_whole(run, model):
    waveform = noise(2, 1280)
    state = model.streaming_state(2)
    pieces = []
    end = np.zeros((2, model.streaming_delay), np.float32)
    for block, over in ((waveform[:, :64], 0), (waveform[:, 64:], 0), (end, 1)):
        outputs = run("streaming", waveform=block, end=np.full(2, over, np.float32), **state)
        state = {name: outputs[name] for name in state}
        pieces.append(outputs["vocals"])
    vocals = np.concatenate(pieces, axis=1)[:, model.streaming_delay :]
    np.testing.assert_allclose(vocals, model(waveform)["vocals"], atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 63), "waveform has 63 samples; send a multiple of 64, 64 to 8000"),
        ((1, 0), "waveform has 0 samples"),
        ((1, 64 * 126), "waveform has 8064 samples"),
        ((2, 64), r"waveform have batches of \[.*2.*\]; send all of them with the same"),
    ],
)
def test_steps_that_cannot_be_separated(run, model, shape, message):
    state = model.streaming_state(1)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run("streaming", waveform=np.zeros(shape, np.float32), end=np.zeros(1, "f"), **state)


def test_a_stream_refuses_what_is_no_number(run, model):
    block = np.full((1, 64), np.nan, np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="has 64 samples that are NaN"):
        run("streaming", waveform=block, end=np.zeros(1, "f"), **model.streaming_state(1))
