import numpy as np
import pytest

pytest.importorskip("onnx", reason='needs the libraries of "kerasvox[onnx]"')

from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from kerasvox.export.onnx_constants import compact, store_as_float16


def make(nodes, constants):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def constants(model):
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def run(model, x):
    return ReferenceEvaluator(model).run(None, {"x": x})[0]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(3, 64)).astype("float32")


@pytest.fixture
def kernel():
    values = np.random.default_rng(1).normal(size=(64, 64))
    return values.astype("float16").astype("float32")


def test_equal_constants_are_merged(x, kernel):
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("MatMul", ["h", "b"], ["y"]),
    ]
    model = make(nodes, {"a": kernel, "b": kernel.copy(), "unused": kernel + 1})
    before = run(model, x)
    compact(model)
    assert list(constants(model)) == ["a"]
    np.testing.assert_array_equal(run(model, x), before)


def test_equal_bytes_of_another_shape_are_kept(x, kernel):
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("Add", ["h", "row"], ["y"]),
    ]
    model = make(nodes, {"a": np.zeros((64, 64), "float32"), "row": np.zeros(64, "float32")})
    compact(model)
    assert set(constants(model)) == {"a", "row"}


def test_kernel_of_which_only_the_shape_is_asked_for_goes(x, kernel):
    nodes = [
        helper.make_node("Shape", ["a"], ["shape"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[1, 0]),
        helper.make_node("Reshape", ["b", "shape"], ["c"]),
        helper.make_node("MatMul", ["x", "c"], ["y"]),
    ]
    model = make(nodes, {"a": kernel})
    before = run(model, x)
    compact(model)
    assert [node.op_type for node in model.graph.node] == ["MatMul"]
    assert [each.nbytes for each in constants(model).values()] == [kernel.nbytes]
    np.testing.assert_array_equal(run(model, x), before)


def test_what_would_grow_stays(x):
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["big"]),
        helper.make_node("MatMul", ["x", "big"], ["y"]),
    ]
    model = make(nodes, {"one": np.ones(1, "float32"), "shape": np.array([64, 64])})
    compact(model)
    assert [node.op_type for node in model.graph.node] == ["Expand", "MatMul"]


def test_float16_stores_only_what_loses_nothing(x, kernel):
    nodes = [
        helper.make_node("MatMul", ["x", "exact"], ["h"]),
        helper.make_node("MatMul", ["h", "fine"], ["i"]),
        helper.make_node("Add", ["i", "few"], ["y"]),
    ]
    few = np.ones(64, "float32")
    model = make(nodes, {"exact": kernel, "fine": kernel + np.float32(1e-6), "few": few})
    before = run(model, x)
    store_as_float16(model)
    types = {name: str(each.dtype) for name, each in constants(model).items()}
    assert types == {"exact_float16": "float16", "fine": "float32", "few": "float32"}
    np.testing.assert_array_equal(run(model, x), before)
    # What is stored already is not touched again.
    compact(model)
    assert {str(each.dtype) for each in constants(model).values()} == {"float16", "float32"}
