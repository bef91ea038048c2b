import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kerasvox.serving.request_error import BadRequestError, RequestError
from kerasvox.serving.response_json import write_predict_response

SHAPES = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


def write(outputs, rows=False):
    return json.loads(write_predict_response(outputs, rows))


@given(
    arrays(np.float32, SHAPES, elements=st.floats(width=32, allow_nan=False, allow_infinity=False))
)
def test_numbers_come_back_exactly(array):
    back = np.array(write({"x": array})["outputs"], np.float32)
    np.testing.assert_array_equal(back.reshape(array.shape), array)


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "float16"])
def test_other_types(dtype):
    array = np.array([[0, 1], [1, 0.3]]).astype(dtype)
    for rows, key in ((False, "outputs"), (True, "predictions")):
        back = np.array(write({"x": array}, rows)[key], dtype)
        np.testing.assert_array_equal(back, array)


def test_names_where_there_are_several():
    outputs = {"a": np.float32([[1], [2]]), "b": np.float32([3, 4])}
    assert write(outputs) == {"outputs": {"a": [[1], [2]], "b": [3, 4]}}
    assert write(outputs, rows=True) == {"predictions": [{"a": [1], "b": 3}, {"a": [2], "b": 4}]}


def test_bytes_become_base64_where_the_name_says_so():
    content = np.array([b"\xff\x00", b"a"], object)
    encoded = [{"b64": base64.b64encode(each).decode()} for each in content]
    assert write({"wav_bytes": content}) == {"outputs": encoded}
    assert write({"wav_bytes": content}, rows=True) == {"predictions": encoded}
    assert write({"text": np.array([b'a"b', b"\xc3\xa4"], object)}) == {"outputs": ['a"b', "ä"]}


def test_outputs_that_make_no_rows():
    outputs = {"a": np.float32([1, 2]), "b": np.float32([3])}
    with pytest.raises(BadRequestError, match="differ in their first dimension"):
        write(outputs, rows=True)
    with pytest.raises(BadRequestError, match="differ in their first dimension"):
        write({"a": np.float32(1)}, rows=True)


def test_numbers_that_json_cannot_carry():
    with pytest.raises(RequestError, match="'a' holds NaN"):
        write({"a": np.float32([np.nan])})
