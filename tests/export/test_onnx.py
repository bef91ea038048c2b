# ruff: noqa: E402 - what needs the libraries comes after the check for them
import numpy as np
import pytest

for library in ("tf2onnx", "onnx", "onnxruntime"):
    pytest.importorskip(library, reason='needs the libraries of "kerasvox[onnx]"')

import onnx
import onnxruntime

import kerasvox
from kerasvox import presets
from kerasvox.errors import ExportError, UsageError
from kerasvox.export import onnx as onnx_export
from kerasvox.export import parity
from kerasvox.export.onnx import export_onnx
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.drnn.separator_stream import SeparatorStream


@pytest.fixture(scope="module")
def export(preset, tmp_path_factory):
    """What `export_onnx` returned, and the folder that it wrote to."""
    folder = tmp_path_factory.mktemp("onnx") / "new"
    return export_onnx(preset, folder), folder


def test_writes_two_files_and_nothing_else(export):
    result, folder = export
    assert sorted(each.name for each in folder.iterdir()) == ["small.onnx", "small_streaming.onnx"]
    assert result["path"] == str(folder / "small.onnx")
    assert result["streaming_path"] == str(folder / "small_streaming.onnx")


def test_report_tells_of_parity_and_sizes(export):
    report = export[0]["report"]
    assert [case["batch"] for case in report["cases"]].count(3) == 2
    assert any(case["samples"] % 2 for case in report["cases"])
    for cases in (report["cases"], report["streaming"]["cases"]):
        difference, ratio = parity.worst(cases)
        assert difference < 1e-5
        assert ratio > 80
    sizes = {each.name: each.stat().st_size for each in export[1].iterdir()}
    assert report["bytes"] == sizes


def test_inputs_outputs_and_axes_have_names(export):
    graph = onnx.load(export[0]["path"]).graph
    assert shapes(graph.input) == {"waveform": ["batch", "samples"]}
    assert shapes(graph.output) == {
        "vocals": ["batch", "samples"],
        "accompaniment": ["batch", "samples"],
    }
    assert [each.name for each in graph.output] == ["vocals", "accompaniment"]


def test_streaming_has_each_state_in_and_out(export, model):
    graph = onnx.load(export[0]["streaming_path"]).graph
    states = {name: ["batch", *each.shape[1:]] for name, each in model.streaming_state(1).items()}
    waveform = ["batch", "samples"]
    assert shapes(graph.input) == {"waveform": waveform, "end": ["batch"], **states}
    following = {f"next_{name}": shape for name, shape in states.items()}
    assert shapes(graph.output) == {"vocals": waveform, "accompaniment": waveform, **following}


def test_metadata_describes_the_model(export, preset):
    session = onnxruntime.InferenceSession(export[0]["path"])
    meta = session.get_modelmeta()
    found = meta.custom_metadata_map
    assert meta.producer_name == "kerasvox"
    assert meta.graph_name == "small"
    assert {key: found[key] for key in ("sample_rate", "n_fft", "hop", "window", "stems")} == {
        "sample_rate": "8000",
        "n_fft": "128",
        "hop": "64",
        "window": "sine",
        "stems": "vocals,accompaniment",
    }
    assert found["weights_sha256"] == presets.weights_sha256(preset)
    assert found["version"] == kerasvox.__version__
    assert found["licence"] == "Apache-2.0"
    assert found["model_name"] == "small"
    assert "waveform" in found["comment"]
    assert onnx.load(export[0]["path"]).producer_version == kerasvox.__version__


@pytest.mark.parametrize("samples", [1, 63, 1000])
def test_stream_equals_the_whole(export, model, samples, noise):
    session = onnxruntime.InferenceSession(export[0]["streaming_path"])
    names = [each.name for each in session.get_outputs()]

    def step(inputs):
        outputs = session.run(names, inputs)
        return {n.removeprefix("next_"): each for n, each in zip(names, outputs, strict=True)}

    stream = SeparatorStream(model, step, batch=2)
    waveform = noise[:, :samples]
    blocks = np.array_split(waveform, [10, 300, 310], axis=1)
    pieces = [*map(stream.push, blocks), stream.flush()]
    for stem, expected in model(waveform).items():
        joined = np.concatenate([piece[stem] for piece in pieces], axis=1)
        np.testing.assert_allclose(joined, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 64), (1, 0), (1, 65), (1, 32)])
def test_streaming_refuses_what_is_no_whole_number_of_hops(export, model, shape):
    session = onnxruntime.InferenceSession(export[0]["streaming_path"], quiet())
    inputs = {
        "waveform": np.zeros(shape, "float32"),
        "end": np.zeros(shape[0], "float32"),
        **model.streaming_state(shape[0]),
    }
    with pytest.raises(Exception, match="samples_a_multiple_of_the_hop"):
        session.run(None, inputs)


@pytest.mark.parametrize("shape", [(0, 64), (1, 0)])
def test_nothing_to_separate_is_an_error(export, shape):
    session = onnxruntime.InferenceSession(export[0]["path"], quiet())
    with pytest.raises(Exception, match="batch_and_samples_at_least_1"):
        session.run(None, {"waveform": np.zeros(shape, "float32")})


def test_existing_file_stays(preset, tmp_path):
    (tmp_path / "small.onnx").write_text("mine")
    with pytest.raises(ExportError, match=r"small\.onnx: exists already"):
        export_onnx(preset, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["small.onnx"]
    assert (tmp_path / "small.onnx").read_text() == "mine"


def test_folder_that_cannot_be_written(preset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file/models: cannot be written"):
        export_onnx(preset, tmp_path / "file" / "models")


def test_export_that_differs_leaves_nothing(preset, tmp_path, monkeypatch, noise):
    monkeypatch.setattr(parity, "TOLERANCE", 0.0)
    monkeypatch.setattr(DRNNSeparator, "can_stream", False)  # half the work
    monkeypatch.setattr(onnx_export, "song_excerpts", lambda rate, audio: [noise] * 2)
    with pytest.raises(ExportError, match=r"small\.onnx: differs from the model"):
        export_onnx(preset, tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("opset", [16, 19])
def test_opset_out_of_range(preset, tmp_path, opset):
    with pytest.raises(UsageError, match=f"opset is 17 or 18; received {opset}"):
        export_onnx(preset, tmp_path, opset=opset)


def test_unknown_dtype(preset, tmp_path):
    with pytest.raises(UsageError, match="float32 or float16; received 'int8'"):
        export_onnx(preset, tmp_path, dtype="int8")


def test_missing_library_names_the_extra(preset, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "_LIBRARIES", ("onnx", "no_such_library"))
    with pytest.raises(ExportError, match=r'no_such_library; install .* "kerasvox\[onnx\]"'):
        export_onnx(preset, tmp_path)


def test_weight_too_large_for_float16(tmp_path):
    separator = DRNNSeparator(units=2, n_fft=16, hop=8, recurrent_layers=())
    separator.build()
    separator.set_weights([weight + 1e5 for weight in separator.get_weights()])
    separator.save_to_preset(tmp_path / "loud", dtype="float32")
    with pytest.raises(ExportError, match="too large for float16"):
        export_onnx(tmp_path / "loud", tmp_path / "models", dtype="float16")
    assert not (tmp_path / "models").exists()


def shapes(values):
    return {
        each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in values
    }


def quiet():
    """Keep ONNX Runtime's log of the error that is wanted off the terminal."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options
