import base64
import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasvox.serving.request_error import BadRequestError
from kerasvox.serving.request_json import read_predict_request
from kerasvox.serving.signatures import Signature, TensorSpec

WAVEFORM = TensorSpec("waveform:0", "float32", (None, None))
END = TensorSpec("end:0", "float32", (None,))
WAV = TensorSpec("wav:0", "string", (None,))
SIGNATURES = {
    "serving_default": Signature({"waveform": WAVEFORM}, {}),
    "wav_bytes": Signature({"wav_bytes": WAV}, {}),
    "streaming": Signature({"end": END, "waveform": WAVEFORM}, {}),
    "integers": Signature({"n": TensorSpec("n:0", "int32", None)}, {}),
}


def read(body, signature=None):
    if not isinstance(body, bytes):
        if signature:
            body = {"signature_name": signature, **body}
        body = json.dumps(body).encode()
    return read_predict_request(body, SIGNATURES)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2.5], [3, 4]]},
        {"instances": [{"waveform": [1, 2.5]}, {"waveform": [3, 4]}]},
        {"inputs": [[1, 2.5], [3, 4]]},
        {"inputs": {"waveform": [[1, 2.5], [3, 4]]}},
        {"signature_name": "", "inputs": [[1, 2.5], [3, 4]]},
    ],
)
def test_rows_and_columns(body):
    request = read(body)
    assert request.signature == "serving_default"
    assert request.rows == ("instances" in body)
    assert request.inputs["waveform"].dtype == np.float32
    np.testing.assert_array_equal(request.inputs["waveform"], [[1, 2.5], [3, 4]])


def test_several_inputs():
    rows = read({"instances": [{"waveform": [1, 2], "end": 0}]}, "streaming")
    columns = read({"inputs": {"waveform": [[1, 2]], "end": [0]}}, "streaming")
    for request in (rows, columns):
        np.testing.assert_array_equal(request.inputs["waveform"], [[1, 2]])
        np.testing.assert_array_equal(request.inputs["end"], [0])


@given(st.binary(max_size=100))
def test_binary_values(content):
    text = base64.b64encode(content).decode()
    wrapped = base64.encodebytes(content).decode()
    for value in (text, wrapped, text.rstrip("=")):
        for body in (
            {"instances": [{"b64": value}]},
            {"instances": [{"wav_bytes": {"b64": value}}]},
            {"inputs": {"wav_bytes": [{"b64": value}]}},
            {"inputs": [{"b64": value}]},
        ):
            assert read(body, "wav_bytes").inputs["wav_bytes"].tolist() == [content]


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False))))
def test_any_numbers_are_read_exactly_or_refused(rows):
    try:
        array = read({"inputs": rows}).inputs["waveform"]
    except BadRequestError:
        assert not rows or len({len(row) for row in rows}) > 1
    else:
        np.testing.assert_array_equal(array, np.array(rows, np.float32))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=20))
def test_nonsense_is_refused_and_nothing_else_happens(value):
    for key in ("instances", "inputs"):
        for signature in SIGNATURES:
            with contextlib.suppress(BadRequestError):
                assert read({key: value}, signature).inputs


@pytest.mark.parametrize(
    ("body", "signature", "reason"),
    [
        (b"", None, "the body is not JSON"),
        (b"{", None, "the body is not JSON"),
        (b"\xff\xfe{}", None, "the body is not"),
        (b'{"inputs": "\xff"}', None, "the body is not UTF-8"),
        (b"[" * 100_000, None, "nested too deeply"),
        (b"[]", None, "the body is a list; a JSON object is needed"),
        (b'{"inputs": [[NaN]]}', None, "NaN is no JSON number"),
        (b'{"inputs": [[-Infinity]]}', None, "-Infinity is no JSON number"),
        (b'{"inputs": [[' + b"9" * 5000 + b"]]}", None, "the body is not JSON"),
        ({}, None, "either 'instances' (rows) or 'inputs' (columns)"),
        ({"instances": [[1]], "inputs": [[1]]}, None, "either 'instances'"),
        ({"inputs": [[1]]}, "nonsense", 'signature name: "nonsense" not found'),
        ({"signature_name": 3, "inputs": [[1]]}, None, "signature_name is a number"),
        ({"instances": []}, None, "'instances' is empty"),
        ({"instances": 3}, None, "'instances' is a number"),
        ({"instances": None}, None, "'instances' is null"),
        ({"instances": [1, 2]}, None, "'waveform' has shape (2,)"),
        ({"instances": [[[1]]]}, None, "has shape (1, 1, 1); it takes float32 (?, ?), a list of"),
        ({"instances": [[1, 2], [3]]}, None, "'waveform' differ in length or depth"),
        ({"instances": [[1, [2]]]}, None, "'waveform' differ in length or depth"),
        ({"instances": [["a"]]}, None, "'waveform' holds strings"),
        ({"instances": [[True]]}, None, "'waveform' holds truth values"),
        ({"instances": [[None]]}, None, "something that is no number"),
        ({"instances": [[10**30]]}, None, "something that is no number"),
        ({"instances": [{"b64": "AAAA"}]}, None, "'waveform' holds"),
        ({"instances": [{"waveform": [1]}, [2]]}, None, "mixes objects with named inputs"),
        ({"instances": [{"wave": [1]}]}, None, "instance 0 lacks waveform"),
        ({"instances": [{"waveform": [1], "x": 1}]}, None, "instance 0 has x"),
        ({"inputs": {"wave": [[1]]}}, None, "'inputs' lacks waveform"),
        ({"inputs": [[1]]}, "streaming", "names no input; the signature has end, waveform"),
        ({"instances": [{"waveform": [1]}]}, "streaming", "instance 0 lacks end"),
        ({"instances": [3]}, "wav_bytes", "'wav_bytes' holds a number"),
        ({"instances": [{"b64": "A"}]}, "wav_bytes", "that is not base64"),
        ({"instances": [{"b64": "äöü="}]}, "wav_bytes", "that is not base64"),
        ({"instances": [{"b64": 7}]}, "wav_bytes", "instance 0 lacks wav_bytes"),
        ({"inputs": {"b64": "AAAA"}}, "wav_bytes", "has shape ()"),
        ({"instances": [["a"], "b"]}, "wav_bytes", "differ in length or depth"),
        ({"inputs": [1.5]}, "integers", "'n' holds fractions"),
        ({"inputs": [2**31]}, "integers", "out of the range of int32"),
    ],
)
def test_what_is_wrong_is_told(body, signature, reason):
    with pytest.raises(BadRequestError) as caught:
        read(body, signature)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
