import json
import subprocess
import sys
import textwrap

import av
import numpy as np
import pytest
import soundfile

from kerasvox.cli.main import main
from kerasvox.models.drnn.separator import DRNNSeparator


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    DRNNSeparator(units=8).save_to_preset(folder)
    return folder


@pytest.fixture
def run(preset, tmp_path, monkeypatch, capfd):
    """Run `kerasvox separate` in `tmp_path`; return exit code, stdout lines, stderr lines."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, model=preset):
        line = ["kerasvox", "separate", *map(str, arguments), "-m", str(model)]
        monkeypatch.setattr(sys, "argv", line)
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exit:
            code = exit.code
        captured = capfd.readouterr()
        return code or 0, captured.out.splitlines(), captured.err.splitlines()

    return run


def write(path, samples=3000, channels=2, rate=44100, **options):
    path.parent.mkdir(exist_ok=True)
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (samples, channels))
    soundfile.write(path, waveform, rate, **options)
    return path


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def stems_of(song, folder="separated", suffix="wav"):
    return [f"{folder}/{song}/{stem}.{suffix}" for stem in ("vocals", "accompaniment")]


def test_prints_the_paths_it_wrote(run, tmp_path):
    write(tmp_path / "a.wav")
    write(tmp_path / "b.flac")
    assert run("a.wav", "b.flac") == (0, stems_of("a") + stems_of("b"), [])
    manifests = [f"separated/{song}/separation.json" for song in "ab"]
    assert contents(tmp_path / "separated") == sorted(
        path.removeprefix("separated/") for path in stems_of("a") + stems_of("b") + manifests
    )


def test_json_is_the_list_of_manifests(run, tmp_path):
    write(tmp_path / "a.wav")
    code, out, err = run("a.wav", "--json", "-o", "x", "--stem", "vocals", "--format", "flac")
    assert (code, err) == (0, [])
    assert json.loads("\n".join(out)) == [
        json.loads((tmp_path / "x/a/separation.json").read_text())
    ]
    assert contents(tmp_path / "x") == ["a/separation.json", "a/vocals.flac"]


def test_a_folder_stands_for_its_songs(run, tmp_path):
    write(tmp_path / "album" / "one.wav")
    write(tmp_path / "album" / "two.mp3")
    (tmp_path / "album" / "cover.jpg").touch()
    assert run("album") == (0, stems_of("one") + stems_of("two"), [])


def test_an_m4a(run, tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 9000), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert run("a.m4a") == (0, stems_of("a"), [])


@pytest.mark.parametrize(
    ("samples", "channels", "rate"),
    [(0, 1, 44100), (1, 2, 44100), (5000, 8, 44100), (5000, 1, 8000), (5000, 2, 192000)],
)
def test_odd_but_valid_audio(run, tmp_path, samples, channels, rate):
    write(tmp_path / "a.wav", samples, channels, rate)
    assert run("a.wav") == (0, stems_of("a"), [])
    for path in stems_of("a"):
        info = soundfile.info(tmp_path / path)
        assert (info.frames, info.channels, info.samplerate) == (samples, channels, rate)


def test_silence(run, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((5000, 2)), 44100)
    assert run("a.wav")[0] == 0
    assert not any(soundfile.read(tmp_path / path)[0].any() for path in stems_of("a"))


def make_truncated(path):
    content = write(path, 30000).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def make_nan(path):
    soundfile.write(path, np.full((3000, 2), np.nan), 44100, subtype="FLOAT")


BAD = {
    "missing": (lambda path: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "holds no audio file"),
    "empty": (lambda path: path.touch(), "is empty (0 bytes)"),
    "truncated": (make_truncated, "is cut short"),
    "not audio": (lambda path: path.write_text("text\n" * 1000), "is not audio"),
    "nan": (make_nan, "NaN"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_input_and_the_others_are_done(run, tmp_path, kind):
    make, words = BAD[kind]
    make(tmp_path / "bad.wav")
    write(tmp_path / "good.wav")
    code, out, err = run("bad.wav", "good.wav")
    assert (code, out) == (1, stems_of("good"))
    assert len(err) == 1
    assert err[0].startswith("kerasvox: bad.wav: ")
    assert words in err[0]
    assert not (tmp_path / "separated" / "bad").exists()
    assert not [path for path in contents(tmp_path) if path.endswith(".part")]


def test_an_output_folder_that_cannot_be_written(run, tmp_path):
    write(tmp_path / "a.wav")
    (tmp_path / "file").touch()
    for place in ("file", "/proc/out"):
        code, out, err = run("a.wav", "-o", place)
        assert (code, out, len(err)) == (1, [], 1)
        assert err[0].startswith(f"kerasvox: {place}")
    assert contents(tmp_path) == ["a.wav", "file"]


def test_a_disk_that_fills(preset, tmp_path):
    """A limit on the size of files fails in a write as a full disk does."""
    write(tmp_path / "a.wav", 200_000)
    write(tmp_path / "b.wav", 100)
    script = f"""
        import resource, signal, sys
        import kerasvox.models.drnn.separator
        from kerasvox.cli.main import main
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        sys.argv = ["kerasvox", "separate", "a.wav", "b.wav", "-m", {str(preset)!r}]
        main()
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout.splitlines()) == (1, stems_of("b"))
    lines = [line for line in run.stderr.splitlines() if line.startswith("kerasvox:")]
    assert len(lines) == 1
    assert "separated/a/" in lines[0]
    assert "cannot be written (File too large)" in lines[0]
    assert contents(tmp_path / "separated") == sorted(
        path.removeprefix("separated/") for path in [*stems_of("b"), "b/separation.json"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.wav", "other/a.flac"], "would write to separated/a, as a.wav does"),
        (["a.wav", "a.wav"], "would write to separated/a"),
        (["a.wav", "--format", "ogg"], "formats are wav, flac, mp3"),
        (["a.wav", "--stem", "drums"], "stems are vocals, accompaniment"),
    ],
)
def test_wrong_usage_is_told_before_any_work(run, tmp_path, arguments, words):
    write(tmp_path / "a.wav")
    write(tmp_path / "other" / "a.flac")
    code, out, err = run(*arguments, model="not loaded")
    assert (code, out, len(err)) == (2, [], 1)
    assert words in err[0]
    assert not (tmp_path / "separated").exists()


def test_an_unknown_preset(run, tmp_path):
    write(tmp_path / "a.wav")
    code, out, err = run("a.wav", model="drnn_mirk")
    assert (code, out, len(err)) == (1, [], 1)
    assert "drnn_mirk" in err[0]


def test_help_has_an_example(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kerasvox", "separate", "--help"])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Example: kerasvox separate" in text
    assert "above the model's band" in text
