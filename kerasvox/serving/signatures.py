"""What a SavedModel's signatures take and give."""

from dataclasses import dataclass
from typing import Any

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class TensorSpec:
    """A named input or output.

    Attributes:
        tensor: its name in the graph.
        dtype: TensorFlow's name of the type: `"float32"`, `"string"`, ...
        shape: its dimensions, `None` for those that may vary; `None` if its rank may vary.
    """

    tensor: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as TensorFlow Serving's metadata has it."""
        sizes = [] if self.shape is None else [-1 if n is None else n for n in self.shape]
        return {
            "dtype": _ENUM_NAMES.get(self.dtype, f"DT_{self.dtype.upper()}"),
            "tensor_shape": {
                "dim": [{"size": str(size), "name": ""} for size in sizes],
                "unknown_rank": self.shape is None,
            },
            "name": self.tensor,
        }

    def describe(self) -> str:
        """Return type and shape for a message: `float32 (?, ?)`."""
        if self.shape is None:
            return self.dtype
        sizes = ["?" if size is None else str(size) for size in self.shape]
        return f"{self.dtype} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


_ENUM_NAMES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}


@dataclass(frozen=True)
class Signature:
    """One way to call a model: its inputs and outputs by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method: str = "tensorflow/serving/predict"

    def to_json(self) -> dict[str, Any]:
        """Return it as TensorFlow Serving's metadata has it."""
        return {
            "inputs": {name: spec.to_json() for name, spec in self.inputs.items()},
            "outputs": {name: spec.to_json() for name, spec in self.outputs.items()},
            "method_name": self.method,
        }
