"""The options of an export, checked before anything heavy is imported."""

from kerasvox.errors import UsageError

FORMATS = ("savedmodel", "onnx")
DTYPES = ("float32", "float16")
OPSETS = (17, 18)


def check_options(
    format: str,
    *,
    version: int | None = None,
    opset: int = 18,
    dtype: str = "float32",
    max_seconds: float = 60.0,
) -> None:
    """Make sure that the arguments of `export` can be fulfilled; they are described there.

    Raises:
        UsageError: if one is out of its range, or does not belong to the format.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; dtypes are {', '.join(DTYPES)}")
    if format == "savedmodel" and dtype != "float32":
        raise UsageError(f"a SavedModel has float32 weights; dtype {dtype} is for ONNX")
    if format == "onnx" and version is not None:
        raise UsageError("a version is for a SavedModel; an ONNX file has none")
    if version is not None and version < 1:
        raise UsageError(f"a version is a whole number from 1; received {version}")
    if opset not in OPSETS:
        raise UsageError(f"opset is {' or '.join(map(str, OPSETS))}; received {opset}")
    if not 0.0 < max_seconds < float("inf"):
        raise UsageError(f"max_seconds is above 0; received {max_seconds}")
