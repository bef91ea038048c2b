"""Arrays written as the JSON of a predict response, as TensorFlow Serving writes it."""

import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasvox.serving.request_error import BadRequestError, RequestError

# The fewest digits that give every number of a type back exactly.
_DIGITS = {"float16": "%.5g", "float32": "%.9g", "float64": "%.17g"}


def write_predict_response(outputs: Mapping[str, np.ndarray], rows: bool) -> bytes:
    """Write the body of a predict response.

    A single output goes without its name. Strings of an output whose name ends in `_bytes` become
    `{"b64": ...}`.

    Args:
        outputs: arrays by name, of numbers, truth values or bytes objects.
        rows: whether to write the row format (`predictions`), or the column format (`outputs`).

    Raises:
        BadRequestError: if outputs that differ in their first dimension are to be written as rows.
        RequestError: if a number is not finite, which JSON cannot carry.
    """
    pieces: list[bytes] = []
    if rows:
        pieces.append(b'{"predictions": [')
        for index in range(_row_count(outputs)):
            pieces.append(b", " if index else b"")
            _write_named({name: array[index] for name, array in outputs.items()}, pieces)
        pieces.append(b"]}")
    else:
        pieces.append(b'{"outputs": ')
        _write_named(outputs, pieces)
        pieces.append(b"}")
    return b"".join(pieces)


def _row_count(outputs: Mapping[str, np.ndarray]) -> int:
    counts = {array.shape[:1] for array in outputs.values()}
    if len(counts) != 1 or not min(counts):
        raise BadRequestError(
            "the outputs differ in their first dimension; ask with 'inputs' instead"
        )
    return counts.pop()[0]


def _write_named(arrays: Mapping[str, np.ndarray], pieces: list[bytes]) -> None:
    """Write the only array, or an object of all."""
    if len(arrays) == 1:
        ((name, array),) = arrays.items()
        return _write_array(name, _array(array), pieces)
    for index, (name, array) in enumerate(arrays.items()):
        pieces.append((", " if index else "{").encode() + json.dumps(name).encode() + b": ")
        _write_array(name, _array(array), pieces)
    pieces.append(b"}")


def _array(value: Any) -> np.ndarray:
    """Return a row of an array as an array: numpy gives a scalar of a list, bytes as they are."""
    return np.asarray(value, object if isinstance(value, bytes) else None)


def _write_array(name: str, array: np.ndarray, pieces: list[bytes]) -> None:
    if array.ndim > 1 or (array.ndim == 1 and array.dtype == object):
        pieces.append(b"[")
        for index, row in enumerate(array):
            pieces.append(b", " if index else b"")
            _write_array(name, np.asarray(row, array.dtype), pieces)
        pieces.append(b"]")
    elif array.dtype == object:
        _write_string(name, array.item(), pieces)
    else:
        pieces.append(_numbers(name, array).encode())


def _write_string(name: str, value: bytes, pieces: list[bytes]) -> None:
    if name.endswith("_bytes"):
        pieces += [b'{"b64": "', binascii.b2a_base64(value, newline=False), b'"}']
    else:
        pieces.append(json.dumps(value.decode("utf-8", "replace")).encode())


def _numbers(name: str, array: np.ndarray) -> str:
    """Write a number, or a list of them."""
    if array.dtype.name not in _DIGITS:
        return json.dumps(array.tolist())
    if not np.isfinite(array).all():
        raise RequestError(500, f"the model's output '{name}' holds NaN or infinite numbers")
    digits = _DIGITS[array.dtype.name]
    if not array.ndim:
        return digits % array.item()
    # One formatting operation for the whole list: many times faster than one a number.
    return "[" + ", ".join([digits] * len(array)) % tuple(array.tolist()) + "]"
