"""The JSON of a predict request, read into arrays: TensorFlow Serving's row and column formats.

https://www.tensorflow.org/tfx/serving/api_rest describes both.
"""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from kerasvox.serving.request_error import BadRequestError
from kerasvox.serving.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec

# Kinds of numpy type that JSON numbers and truth values may have, for each kind that is wanted.
_ACCEPTED = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
_RANKS = {1: "a list", 2: "a list of lists", 3: "a list of lists of lists"}


@dataclass(frozen=True)
class PredictRequest:
    """What a predict request asks for.

    Attributes:
        signature: the name of the signature to run.
        inputs: its inputs by name.
        rows: whether it came in the row format (`instances`), and goes back in it.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    rows: bool


def read_predict_request(body: bytes, signatures: Mapping[str, Signature]) -> PredictRequest:
    """Read the body of a predict request.

    Args:
        body: JSON in UTF-8.
        signatures: those of the model, by name.

    Raises:
        BadRequestError: if it is no such JSON, or does not fit the signature.
    """
    content = _load(body)
    if not isinstance(content, dict):
        raise BadRequestError(f"the body is {_kind(content)}; a JSON object is needed")
    name = content.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str):
        raise BadRequestError(f"signature_name is {_kind(name)}; a string is needed")
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise BadRequestError(
            f'Serving signature name: "{name[:80]}" not found in signature def; '
            f"the model has {', '.join(sorted(signatures))}"
        )
    specs = signatures[name].inputs
    if ("instances" in content) == ("inputs" in content):
        raise BadRequestError("the body needs either 'instances' (rows) or 'inputs' (columns)")
    if "instances" in content:
        return PredictRequest(name, _from_rows(content["instances"], specs), rows=True)
    return PredictRequest(name, _from_columns(content["inputs"], specs), rows=False)


def _load(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise BadRequestError("the body is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise BadRequestError(
            f"the body is not UTF-8 ({error.reason} at byte {error.start})"
        ) from error
    except ValueError as error:  # json's own errors, and integers of thousands of digits
        raise BadRequestError(f"the body is not JSON: {error}") from error


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON number; samples must be finite")


def _from_rows(instances: Any, specs: Mapping[str, TensorSpec]) -> dict[str, np.ndarray]:
    """Read `instances`: a list with a value, or an object of named values, for each row."""
    if not isinstance(instances, list):
        raise BadRequestError(f"'instances' is {_kind(instances)}; a list is needed")
    if not instances:
        raise BadRequestError("'instances' is empty; at least one is needed")
    named = [_is_named(instance) for instance in instances]
    if not any(named):
        return {name: _tensor(name, instances, spec) for name, spec in _only(specs, "instances")}
    if not all(named):
        raise BadRequestError("'instances' mixes objects with named inputs and plain values")
    for index, instance in enumerate(instances):
        _check_names(instance, specs, f"instance {index}")
    return {
        name: _tensor(name, [instance[name] for instance in instances], spec)
        for name, spec in specs.items()
    }


def _from_columns(inputs: Any, specs: Mapping[str, TensorSpec]) -> dict[str, np.ndarray]:
    """Read `inputs`: an object of named tensors, or the only one."""
    if not _is_named(inputs):
        return {name: _tensor(name, inputs, spec) for name, spec in _only(specs, "inputs")}
    _check_names(inputs, specs, "'inputs'")
    return {name: _tensor(name, inputs[name], spec) for name, spec in specs.items()}


def _only(specs: Mapping[str, TensorSpec], key: str) -> list[tuple[str, TensorSpec]]:
    """Return the one input that values without a name are for."""
    if len(specs) != 1:
        raise BadRequestError(
            f"'{key}' names no input; the signature has {', '.join(sorted(specs))}"
        )
    return list(specs.items())


def _check_names(given: Mapping[str, Any], specs: Mapping[str, TensorSpec], where: str) -> None:
    missing = sorted(specs.keys() - given.keys())
    unknown = sorted(given.keys() - specs.keys())
    if missing or unknown:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)[:80]}"
        raise BadRequestError(f"{where} {wrong}; the signature takes {', '.join(sorted(specs))}")


def _is_named(value: Any) -> bool:
    """Whether it is an object of named inputs, and not one binary value."""
    return isinstance(value, dict) and not _is_binary(value)


def _is_binary(value: dict[str, Any]) -> bool:
    return value.keys() == {"b64"} and isinstance(value["b64"], str)


def _tensor(name: str, value: Any, spec: TensorSpec) -> np.ndarray:
    """Read nested lists into an array of the type and shape that the signature wants."""
    array = _strings(name, value) if spec.dtype == "string" else _numbers(name, value, spec)
    wanted = spec.shape
    if wanted is None:
        return array
    fits = array.ndim == len(wanted) and all(
        size is None or size == found for size, found in zip(wanted, array.shape, strict=True)
    )
    if not fits:
        nested = f", {_RANKS[len(wanted)]}" if len(wanted) in _RANKS else ""
        raise BadRequestError(
            f"'{name}' has shape {array.shape}; it takes {spec.describe()}{nested}"
        )
    return array


def _numbers(name: str, value: Any, spec: TensorSpec) -> np.ndarray:
    try:
        wanted = np.dtype(spec.dtype)
        array = np.array(value)
    except TypeError as error:
        raise BadRequestError(f"'{name}' is {spec.dtype}, which JSON cannot carry here") from error
    except ValueError as error:
        raise BadRequestError(f"the lists of '{name}' differ in length or depth") from error
    if array.dtype.kind not in _ACCEPTED.get(wanted.kind, "") and array.size:
        raise BadRequestError(f"'{name}' holds {_content(array)}; it takes {spec.describe()}")
    with np.errstate(over="ignore"):
        converted = array.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(converted, array):
        raise BadRequestError(f"'{name}' holds integers out of the range of {spec.dtype}")
    return converted


def _content(array: np.ndarray) -> str:
    """Return what an array of the wrong type holds, for a message."""
    kinds = {"U": "strings", "b": "truth values", "f": "fractions", "i": "integers"}
    return kinds.get(array.dtype.kind, "something that is no number")


def _strings(name: str, value: Any) -> np.ndarray:
    """Read nested lists of strings and `{"b64": ...}` into an array of bytes objects."""
    leaves: list[bytes] = []
    shape = _collect(name, value, leaves)
    array = np.empty(len(leaves), object)
    array[:] = leaves
    return array.reshape(shape)


def _collect(name: str, value: Any, leaves: list[bytes]) -> tuple[int, ...]:
    """Append the bytes of nested lists; return the shape of the nest."""
    if not isinstance(value, list):
        leaves.append(_bytes(name, value))
        return ()
    shapes = {_collect(name, item, leaves) for item in value}
    if len(shapes) > 1:
        raise BadRequestError(f"the lists of '{name}' differ in length or depth")
    return (len(value), *(shapes.pop() if shapes else ()))


def _bytes(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, dict) or not _is_binary(value):
        raise BadRequestError(
            f"'{name}' holds {_kind(value)}; a string or {{\"b64\": ...}} is needed"
        )
    try:
        return _decode_base64(value["b64"])
    except ValueError as error:
        raise BadRequestError(f"'{name}' holds \"b64\" that is not base64: {error}") from error


def _decode_base64(text: str) -> bytes:
    """Decode base64; line breaks (the `base64` tool writes them) and lacking padding are fine."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        text = "".join(text.split()).rstrip("=")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a truth value"}
    return "null" if value is None else kinds.get(type(value), "a number")
