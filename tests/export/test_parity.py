import numpy as np
import pytest
import soundfile

from kerasvox.errors import AudioError, ExportError
from kerasvox.export.artefact import Artefact
from kerasvox.export.parity import (
    CASES,
    check,
    compare_stream,
    differences,
    si_sdr,
    song_excerpts,
    worst,
)


def case(difference, ratio):
    return {"stems": {"vocals": {"max_abs_difference": difference, "si_sdr": ratio}}}


def test_si_sdr_is_the_ratio_of_powers_whatever_the_scale():
    time = np.arange(1000)
    signal, noise = np.sin(0.1 * np.pi * time), np.cos(0.1 * np.pi * time)  # orthogonal
    assert si_sdr(signal, signal + 0.001 * noise) == pytest.approx(60)
    assert si_sdr(signal, 0.5 * (signal + 0.001 * noise)) == pytest.approx(60)
    assert si_sdr(signal, signal) == 200
    assert si_sdr(signal, np.zeros(1000)) == -200
    assert si_sdr(np.zeros(1000), signal) is None


def test_differences_are_those_of_the_worst_row():
    good = np.random.default_rng(0).normal(size=(2, 100)).astype("float32")
    bad = good + np.array([[0], [0.25]], "float32")
    report = differences({"vocals": good}, {"vocals": bad})
    assert report["vocals"]["max_abs_difference"] == pytest.approx(0.25, rel=1e-6)
    assert report["vocals"]["si_sdr"] < 20


@pytest.mark.parametrize("found", [{}, {"vocals": np.zeros((1, 4))}])
def test_a_stem_that_is_missing_or_misshapen_is_told(found):
    with pytest.raises(ExportError, match="the exported vocals is"):
        differences({"vocals": np.ones((1, 5))}, found)


@pytest.mark.parametrize(
    "bad", [case(2e-4, 90.0), case(1e-6, 59.0), case(float("nan"), 90.0), case(0, float("nan"))]
)
def test_the_limits(bad):
    check("a", [case(1e-4, 60.0), case(1e-5, None)])
    with pytest.raises(ExportError, match=r"differs from the model by .* nothing was written"):
        check("a", [case(1e-6, 90.0), bad])


def test_the_worst_of_all_stems():
    assert worst([case(1e-6, 90.0), case(1e-5, 95.0), case(0.0, None)]) == (1e-5, 90.0)


def test_excerpts_of_the_demo_song():
    excerpts = song_excerpts(16000)
    assert [len(each) for each in excerpts] == [batch for _, batch in CASES]
    assert [each.shape[1] for each in excerpts] == [1599, 16000, 59200, 59200, 160000]
    assert all(each.dtype == np.float32 and each.std() > 0.01 for each in excerpts)
    assert not np.array_equal(excerpts[1][0], excerpts[1][1])


def test_excerpts_stay_within_what_the_artefact_takes():
    assert [each.shape[1] for each in song_excerpts(8000, max_seconds=0.5)] == [799] + [4000] * 4
    assert {each.shape[1] for each in song_excerpts(8000, max_seconds=1e-4)} == {1}


def test_excerpts_of_files(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full((8000, 2), 0.25), 8000)
    excerpts = song_excerpts(8000, [tmp_path / "a.wav"])
    np.testing.assert_allclose(excerpts[-1], 0.25, atol=1e-3)


@pytest.mark.parametrize(
    ("samples", "message"),
    [(np.zeros(0), "holds no sample"), (np.array([0.0, np.nan]), "holds NaN or infinite samples")],
)
def test_files_that_cannot_be_compared_on(tmp_path, samples, message):
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=f"a.wav: .*{message}"):
        song_excerpts(8000, [tmp_path / "a.wav"])


def test_a_stream_is_fed_in_blocks_and_ended(model):
    fed = []

    def step(inputs):
        fed.append((inputs["waveform"].shape[1], inputs["end"][0]))
        state = {name: each for name, each in inputs.items() if name.startswith("state_")}
        stems, after = model.streaming_step(inputs["waveform"], state, inputs["end"])
        return {name: np.asarray(each) for name, each in {**stems, **after}.items()}

    waveform = np.random.default_rng(0).normal(0, 0.1, (2, 999)).astype("float32")
    report = compare_stream(step, model, waveform)
    check("streaming", [report])
    assert (report["batch"], report["samples"]) == (2, 999)
    assert fed == [(64, 0), (192, 0), (512, 0), (64, 0), (192, 0), (model.streaming_delay, 1)]


def test_an_artefact_that_cannot_be_loaded_is_told_in_one_line(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with Artefact(tmp_path / "a.onnx") as artefact, pytest.raises(ExportError) as caught:
        artefact.run({"waveform": np.zeros((1, 9), np.float32)})
    assert "a.onnx: cannot be loaded or aborts where it is run: " in str(caught.value)
    assert "\n" not in str(caught.value)
