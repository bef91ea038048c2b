# ruff: noqa: E402 - what needs the libraries comes after the check for them
import logging
from collections import Counter

import numpy as np
import pytest

for library in ("tf2onnx", "onnx", "onnxruntime"):
    pytest.importorskip(library, reason='needs the libraries of "kerasvox[onnx]"')

import onnx
import onnxruntime
import tensorflow as tf

from kerasvox.errors import ExportError
from kerasvox.export.artefact import Artefact
from kerasvox.export.onnx_check import check_file
from kerasvox.export.onnx_conversion import convert
from kerasvox.export.onnx_recurrence import marked_recurrences
from kerasvox.export.onnx_writer import write_onnx
from kerasvox.export.twin import export_twin
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.spectrogram_fusion.separator import SpectrogramFusionSeparator
from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator

SMALL = {"n_fft": 64, "hop": 32}
STAGE = {"units": 8, "depth": 2}
SYSTEMS = {
    "dnn": lambda: DRNNSeparator(units=8, recurrent_layers=(), **SMALL),
    "drnn": lambda: DRNNSeparator(units=32, recurrent_layers=(2,), **SMALL),
    "srnn": lambda: DRNNSeparator(units=8, recurrent_layers=(1, 2, 3), **SMALL),
    "two_head": lambda: TwoHeadSeparator({**STAGE, "compression": 0.5}, **SMALL),
    "fusion": lambda: SpectrogramFusionSeparator(
        first_stage=STAGE, second_stage={"units": 8, "heads": 2}, **SMALL
    ),
}
RECURRENT = {
    "dnn": {},
    "drnn": {"RNN": 1},
    "srnn": {"RNN": 3},
    "two_head": {"LSTM": 2},
    "fusion": {"LSTM": 2},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A function from a system's name to its separator and ONNX file, each made once."""
    made = {}

    def write(name):
        if name not in made:
            separator = SYSTEMS[name]()
            twin = export_twin(separator, "matmul")
            loosen(twin)
            separator.set_weights(twin.get_weights())
            path = tmp_path_factory.mktemp("onnx") / f"{name}.onnx"
            write_onnx(twin, path, {"model_name": name})
            made[name] = separator, path
        return made[name]

    return write


@pytest.mark.parametrize("name", SYSTEMS)
def test_recurrences_are_native_nodes(written, name):
    count = Counter(node.op_type for node in onnx.load(written(name)[1]).graph.node)
    native = {kind: number for kind, number in count.items() if kind in ("RNN", "LSTM", "GRU")}
    assert native == RECURRENT[name]
    assert not {"Loop", "Scan", "If"} & set(count)


@pytest.mark.parametrize("name", SYSTEMS)
def test_equals_the_model(written, name, noise):
    separator, path = written(name)
    session = onnxruntime.InferenceSession(path)
    for batch, samples in ((1, 1), (1, 31), (2, 32), (3, 1001)):
        waveform = np.resize(noise, (batch, samples))
        outputs = session.run(["vocals", "accompaniment"], {"waveform": waveform})
        for stem, found in zip(("vocals", "accompaniment"), outputs, strict=True):
            np.testing.assert_allclose(found, separator(waveform)[stem], atol=1e-5)


@pytest.fixture(scope="module")
def half(written, tmp_path_factory):
    """The DRNN again, with weights in float16 and an older opset."""
    path = tmp_path_factory.mktemp("onnx") / "half.onnx"
    twin = export_twin(written("drnn")[0], "matmul")
    write_onnx(twin, path, {"model_name": "half"}, opset=17, dtype="float16")
    return path


def test_opset_17(half):
    assert {each.domain: each.version for each in onnx.load(half).opset_import}[""] == 17


def test_float16_changes_the_file_only(written, half, noise):
    outputs = [
        onnxruntime.InferenceSession(path).run(["vocals"], {"waveform": noise})[0]
        for path in (half, written("drnn")[1])
    ]
    np.testing.assert_allclose(*outputs, atol=1e-7)


def test_float16_halves_the_weights_and_keeps_the_transforms(written, half):
    separator, path = written("drnn")
    saved = path.stat().st_size - half.stat().st_size
    assert saved == pytest.approx(2 * separator.count_params(), rel=0.15)
    stored = onnx.load(half).graph.initializer
    large = [each for each in stored if np.prod(each.dims) >= 1024]
    (recurrence,) = [each for each in large if list(each.dims) == [1, 32, 32]]
    assert recurrence.data_type == onnx.TensorProto.FLOAT16
    assert onnx.TensorProto.FLOAT in {each.data_type for each in large}


def test_fourier_kernels_are_stored_once(written):
    # This separator transforms twice each way.
    stored = onnx.load(written("two_head")[1]).graph.initializer
    contents = [(tuple(each.dims), each.raw_data) for each in stored if np.prod(each.dims) > 1000]
    assert len(contents) == len(set(contents)) >= 2


def test_batch_of_none_does_not_end_the_process(written):
    with Artefact(written("two_head")[1]) as artefact:
        with pytest.raises(ExportError, match="batch_and_samples_at_least_1"):
            artefact.run({"waveform": np.zeros((0, 64), "float32")})
        outputs, _ = artefact.run({"waveform": np.zeros((1, 64), "float32")})
    assert outputs["vocals"].shape == (1, 64)


def test_loop_is_refused(tmp_path):
    def double_often(waveform):
        start = (tf.reduce_max(waveform), waveform)
        _, outputs = tf.while_loop(lambda n, _: n > 0.0, lambda n, x: (n - 1.0, 2.0 * x), start)
        return {"outputs": outputs}

    model = convert(double_often, {"waveform": ("batch", "samples")}, 18)
    onnx.save(model, tmp_path / "loop.onnx")
    with pytest.raises(ExportError, match=r"loop\.onnx: .* Loop \(a loop\)"):
        check_file(tmp_path / "loop.onnx")


def test_damaged_graph_is_refused(written, tmp_path):
    model = onnx.load(written("dnn")[1])
    del model.graph.node[3]
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(ExportError, match=r"damaged\.onnx: is no valid ONNX file"):
        check_file(tmp_path / "damaged.onnx")


def test_marking_leaves_no_trace(noise):
    separator = SYSTEMS["srnn"]()
    before = separator(noise)["vocals"].numpy()
    with marked_recurrences(separator):
        assert "call" in vars(separator.stack.hidden[0])
    assert all("call" not in vars(layer) for layer in separator._flatten_layers())
    np.testing.assert_array_equal(separator(noise)["vocals"], before)


def test_unknown_operation_is_named():
    def transform(waveform):
        return {"again": tf.signal.irfft(tf.signal.rfft(waveform))}

    with pytest.raises(ExportError, match="IRFFT"):
        convert(transform, {"waveform": ("batch", "samples")}, 18)


def test_conversion_is_silent(capfd):
    convert(lambda x: {"y": x + 1.0}, {"x": ("batch",)}, 18)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert logging.getLogger("tf2onnx").propagate


def loosen(model):
    """Give every weight, the biases that start at 0 too, a value that shows where it is lost."""
    random = np.random.default_rng(1)
    loose = [w + random.normal(0, 0.05, w.shape) for w in model.get_weights()]
    model.set_weights([each.astype("float16") for each in loose])
