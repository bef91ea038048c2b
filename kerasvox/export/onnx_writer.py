"""A separator to an ONNX file."""

from pathlib import Path
from typing import Any

import onnx

from kerasvox.export.onnx_check import check_file
from kerasvox.export.onnx_constants import compact, store_as_float16
from kerasvox.export.onnx_conversion import convert
from kerasvox.export.onnx_functions import OfflineFunction, StreamingFunction
from kerasvox.export.onnx_interface import describe
from kerasvox.export.onnx_recurrence import marked_recurrences
from kerasvox.models.separator import Separator


def write_onnx(
    twin: Separator,
    file: Path,
    facts: dict[str, Any],
    *,
    streaming: bool = False,
    opset: int = 18,
    dtype: str = "float32",
) -> None:
    """Write a separator, or its streaming step, and check that the file is fit to be run.

    Args:
        twin: what `export_twin` made, its transforms by matrix product.
        file: where to write.
        facts: the metadata; `model_name` becomes the graph's name.
        streaming: whether to write the streaming step.
        opset: version of ONNX's operators.
        dtype: `"float32"`, or `"float16"`, in which every weight is stored that it can hold.

    Raises:
        ExportError: if the graph cannot be translated, or holds a loop.
    """
    function = StreamingFunction(twin) if streaming else OfflineFunction(twin)
    inputs = {name: function.shapes[name] for name in function.inputs}
    with marked_recurrences(twin):
        model = convert(function, inputs, opset)
    compact(model)
    if dtype == "float16":
        store_as_float16(model)
    describe(model, function.shapes, facts)
    onnx.save(model, file)
    check_file(file)
