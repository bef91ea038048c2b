"""One version of an exported model, loaded and ready to run."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasvox.serving.models_folder import GRAPH_FILE
from kerasvox.serving.request_error import BadRequestError, RequestError
from kerasvox.serving.signatures import Signature, TensorSpec
from kerasvox.serving.tensorflow_import import import_tensorflow

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


class Servable:
    """A SavedModel, run through its signatures.

    It is warmed up with the records beside it, as TensorFlow Serving does: the first request need
    not wait for what TensorFlow does on a first run.

    Args:
        path: the folder of a version.

    Raises:
        Exception: whatever TensorFlow raises for a SavedModel that it cannot load or run.
    """

    def __init__(self, path: Path):
        self._tf = import_tensorflow()
        self._model = self._tf.saved_model.load(str(path))
        self.signatures = _read_signatures(path)
        for signature, inputs in _warmup_requests(path):
            self.run(signature, inputs)

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run a signature.

        Args:
            signature: its name.
            inputs: arrays of the types that it takes, by name.

        Returns:
            Its outputs by name; strings as arrays of bytes objects.

        Raises:
            BadRequestError: with the graph's own message, if it does not take the input.
            RequestError: if there is not enough memory.
        """
        tf = self._tf
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        try:
            outputs = self._model.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise BadRequestError(graph_message(error.message)) from error
        except tf.errors.ResourceExhaustedError as error:
            raise RequestError(503, "not enough memory for this request", 5) from error
        return {name: tensor.numpy() for name, tensor in outputs.items()}


def graph_message(text: str) -> str:
    """Return what the graph says of a wrong input, without TensorFlow's talk of nodes.

    An assertion's message comes as `assertion failed: [part] [part]`, between lines on where in
    the graph it stands.
    """
    text = re.sub(r"\s*\[\[\{\{node .*", "", text, flags=re.DOTALL)
    text = text.rpartition("<stack traces unavailable>")[2] or text
    text = re.sub(r"^.*root error\(s\) found\.\s*\(0\)\s*[A-Z_ ]+:", "", text, flags=re.DOTALL)
    text = " ".join(text.split())
    text, asserted = re.subn(r"^.*?assertion failed: ", "", text)
    if asserted:
        text = " ".join(part for part in re.split(r"^\[|\] \[|\]$", text) if part)
    return text or "the model does not take this input"


def _read_signatures(path: Path) -> dict[str, Signature]:
    """Read the signatures of a SavedModel from its graph file."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((path / GRAPH_FILE).read_bytes())
    return {
        name: Signature(_specs(signature.inputs), _specs(signature.outputs), signature.method_name)
        for name, signature in sorted(saved.meta_graphs[0].signature_def.items())
        if not name.startswith("__")
    }


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    import tensorflow as tf

    return {
        name: TensorSpec(
            tensor=info.name,
            dtype=tf.dtypes.as_dtype(info.dtype).name,
            shape=None
            if info.tensor_shape.unknown_rank
            else tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim),
        )
        for name, info in sorted(tensors.items())
    }


def _warmup_requests(path: Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Read the warm-up records of a version: signature and inputs of each."""
    if not (path / WARMUP_FILE).is_file():
        return []
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        for record in tf.data.TFRecordDataset(str(path / WARMUP_FILE))
    ]
    return [
        (
            request.model_spec.signature_name or "serving_default",
            {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()},
        )
        for request in logs
    ]
