import subprocess
import sys
import textwrap

import numpy as np
import pytest
import soundfile

from kerasvox.audio.pending import made_folder
from kerasvox.audio.writer import AudioWriter
from kerasvox.errors import AudioError, UsageError

RATE = 44100


def noise(samples, channels=2):
    generator = np.random.default_rng(0)
    return generator.uniform(-0.9, 0.9, (channels, samples)).astype(np.float32)


def write(path, waveform, format="wav", subtype=None, rate=RATE, **options):
    with AudioWriter(path, rate, len(waveform), format, subtype, **options) as writer:
        for at in range(0, waveform.shape[1], 1000):
            writer.write(waveform[:, at : at + 1000])
    return writer


@pytest.mark.parametrize(
    ("format", "subtype", "error"),
    [
        ("wav", "PCM_16", 2**-16),
        ("wav", "PCM_U8", 2**-8),
        ("wav", "PCM_24", 2**-24),
        ("wav", "PCM_32", 2**-24),  # of float32
        ("wav", "FLOAT", 0),
        ("wav", "DOUBLE", 0),
        ("flac", "PCM_16", 2**-16),
        ("flac", "PCM_24", 2**-24),
    ],
)
def test_samples_come_back_rounded_to_the_nearest(tmp_path, format, subtype, error):
    path, waveform = tmp_path / "a", noise(5432)
    writer = write(path, waveform, format, subtype, samples=5432)
    found, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert soundfile.info(path).subtype == subtype
    np.testing.assert_allclose(found.T, waveform, rtol=0, atol=error * 1.01)
    assert writer.samples == 5432
    assert writer.peak == np.abs(waveform).max()
    assert writer.clipped == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_mp3(tmp_path):
    write(tmp_path / "a.mp3", noise(RATE), "mp3")
    info = soundfile.info(tmp_path / "a.mp3")
    assert (info.subtype, info.frames, info.channels) == ("MPEG_LAYER_III", RATE, 2)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_what_is_too_loud_is_clipped_and_counted(tmp_path, subtype):
    waveform = np.array([[0.5, 1.5, -1.5, 1.0, -1.0, 40.0]], np.float32)
    writer = write(tmp_path / "a.wav", waveform, subtype=subtype)
    found, _ = soundfile.read(tmp_path / "a.wav")
    np.testing.assert_allclose(found, [0.5, 1, -1, 1, -1, 1], atol=2**-7)
    assert (writer.clipped, writer.peak) == (3, 40.0)


def test_floats_are_not_clipped(tmp_path):
    waveform = np.array([[0.5, 1.5, -3.0]], np.float32)
    writer = write(tmp_path / "a.wav", waveform, subtype="FLOAT")
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav")[0], waveform[0])
    assert (writer.clipped, writer.peak) == (0, 3.0)


@pytest.mark.parametrize("samples", [0, 1])
def test_no_sample_and_one_sample(tmp_path, samples):
    write(tmp_path / "a.wav", noise(samples), samples=samples)
    assert soundfile.info(tmp_path / "a.wav").frames == samples


@pytest.mark.parametrize("format", ["flac", "mp3"])
def test_formats_that_cannot_hold_nothing_say_so(tmp_path, format):
    with pytest.raises(AudioError, match="zero samples; use wav"):
        write(tmp_path / "a", noise(0), format)
    assert not list(tmp_path.iterdir())


def test_a_wav_that_may_outgrow_4_gb_becomes_rf64(tmp_path, monkeypatch):
    write(tmp_path / "hint.wav", noise(10), samples=2**30)
    write(tmp_path / "unknown.wav", noise(10))
    write(tmp_path / "small.wav", noise(10), samples=10)
    formats = {path.stem: soundfile.info(path).format for path in tmp_path.iterdir()}
    assert formats == {"hint": "RF64", "unknown": "RF64", "small": "WAV"}
    monkeypatch.setattr(AudioWriter, "riff_limit", 8000)
    with pytest.raises(AudioError, match="4 GB"):
        write(tmp_path / "long.wav", noise(4000), samples=100)
    assert not (tmp_path / "long.wav").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_and_an_older_file_alone(tmp_path, error):
    (tmp_path / "a.wav").write_text("older")
    writer = AudioWriter(tmp_path / "a.wav", RATE, 2, "wav")
    with pytest.raises(error), writer:  # noqa: PT012
        writer.write(noise(1000))
        raise error
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
    assert (tmp_path / "a.wav").read_text() == "older"


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in ("file/a.wav", "missing/a.wav", "folder", "/proc/a.wav"):
        with pytest.raises(AudioError) as error:
            write(tmp_path / path, noise(10))
        assert str(tmp_path / path) in str(error.value)
        assert "\n" not in str(error.value)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize(("channels", "rate"), [(8, 44100), (2, 192000)])
def test_what_mp3_has_no_place_for(tmp_path, channels, rate):
    with pytest.raises(AudioError, match=f"mp3 cannot hold {channels} .*{rate} Hz"):
        write(tmp_path / "a.mp3", noise(10, channels), "mp3", rate=rate)
    assert not list(tmp_path.iterdir())


def test_unknown_formats_and_encodings(tmp_path):
    with pytest.raises(UsageError, match="wav, flac, mp3"):
        AudioWriter(tmp_path / "a", RATE, 2, "ogg")
    with pytest.raises(UsageError, match="FLOAT"):
        AudioWriter(tmp_path / "a", RATE, 2, "flac", "FLOAT")


@pytest.mark.parametrize("format", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("samples", [300_000, 12_000])
def test_a_disk_that_fills(tmp_path, format, samples):
    """A limit on the size of files fails as a full disk does, while writing or at the end."""
    script = f"""
        import resource, signal
        import numpy as np
        from kerasvox.audio.writer import AudioWriter
        from kerasvox.errors import AudioError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        noise = np.random.default_rng(0).uniform(-0.9, 0.9, (1, {samples})).astype("float32")
        try:
            with AudioWriter({str(tmp_path / "full.x")!r}, 44100, 1, {format!r}) as writer:
                for at in range(0, {samples}, 4000):
                    writer.write(noise[:, at : at + 4000])
        except AudioError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(f"{tmp_path / 'full.x'}: cannot be written (File too large)")
    assert run.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_folders_are_made_and_unmade(tmp_path):
    with pytest.raises(KeyboardInterrupt), made_folder(tmp_path / "a" / "b"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with made_folder(tmp_path / "a" / "b") as folder:
        assert folder.is_dir()
    with pytest.raises(ValueError, match="here"), made_folder(tmp_path / "a" / "b"):
        raise ValueError("here")
    assert folder.is_dir()
    (folder / "file").touch()
    with pytest.raises(AudioError, match="file: is a file"), made_folder(folder / "file" / "c"):
        pass
