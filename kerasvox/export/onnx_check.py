"""The check that any ONNX runtime runs an exported file, and fast."""

from collections.abc import Iterator
from pathlib import Path

import onnx

from kerasvox.errors import ExportError

# A loop runs several times slower than the recurrent nodes that ONNX has.
_LOOPS = ("Loop", "Scan")


def check_file(path: Path) -> None:
    """Make sure that a file is valid ONNX, of standard operators only and without a loop.

    Raises:
        ExportError: if it is not; the message names the operators that are to blame.
    """
    model = onnx.load(path)
    unfit = sorted(set(_unfit(model.graph)))
    if unfit:
        raise ExportError(f"{path.name}: holds what no export may hold: {', '.join(unfit)}")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())
        raise ExportError(f"{path.name}: is no valid ONNX file: {reason}") from error


def _unfit(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        if node.op_type in _LOOPS:
            yield f"{node.op_type} (a loop)"
        elif node.domain not in ("", "ai.onnx"):
            yield f"{node.domain}.{node.op_type} (no standard operator)"
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _unfit(attribute.g)
