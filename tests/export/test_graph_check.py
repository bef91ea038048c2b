import numpy as np
import pytest
import tensorflow as tf

from kerasvox.errors import ExportError
from kerasvox.export.graph_check import check_graph


def save(folder, function):
    module = tf.Module()
    module.function = tf.function(function, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(folder))
    return folder


def rename(folder, before, after):
    path = folder / "saved_model.pb"
    content = path.read_bytes()
    assert len(before) == len(after)
    assert before in content
    path.write_bytes(content.replace(before, after))


def test_a_plain_graph_passes(tmp_path, exported):
    check_graph(save(tmp_path, tf.sin))
    check_graph(exported[0])


@pytest.mark.parametrize("wrapper", [tf.py_function, tf.numpy_function])
def test_python_inside_is_named(tmp_path, wrapper):
    def function(x):
        return wrapper(np.sin, [x], tf.float32)

    with pytest.raises(ExportError, match=r"its graph cannot be served: .*PyFunc calls Python"):
        check_graph(save(tmp_path, function))


def test_python_deep_inside_a_loop_is_found(tmp_path):
    def function(x):
        return tf.map_fn(lambda each: tf.numpy_function(np.sin, [each], tf.float32), x)

    with pytest.raises(ExportError, match="PyFunc"):
        check_graph(save(tmp_path, function))


@pytest.mark.parametrize(
    ("op", "message"),
    [(b"CudnnRNNX", "CudnnRNNX needs a GPU"), (b"MyOwnSine", "MyOwnSine is no standard")],
)
def test_cudnn_and_custom_ops_are_named(tmp_path, op, message):
    # No machine without a GPU traces the one, none without its library the other.
    save(tmp_path, lambda x: tf.math.bessel_i0e(x))
    rename(tmp_path, b"BesselI0e", op)
    with pytest.raises(ExportError, match=message):
        check_graph(tmp_path)
