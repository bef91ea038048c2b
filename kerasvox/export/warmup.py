"""Requests that a server runs before it takes any: the first of each signature is slow."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasvox.errors import ExportError
from kerasvox.models.separator import Separator

FILE = "tf_serving_warmup_requests"


def require_serving_api() -> None:
    """Make sure that records can be written.

    Raises:
        ExportError: if tensorflow-serving-api is not installed.
    """
    try:
        import tensorflow_serving.apis.prediction_log_pb2  # noqa: F401
    except ImportError as error:
        raise ExportError(
            "warm-up records need tensorflow-serving-api; run pip install "
            f'"kerasvox[serve]" ({error})'
        ) from error


def warmup_inputs(separator: Separator, waveform: np.ndarray) -> list[tuple[str, dict]]:
    """Return representative requests: the name of a signature and its inputs.

    Args:
        separator: the model.
        waveform: `(batch, samples)`, what is separated.
    """
    rate = separator.sample_rate
    channels = (waveform[:1], np.repeat(waveform[:1], 2, axis=0))
    files = np.array([wav_file(each, rate) for each in channels], object)
    requests = [
        ("serving_default", {"waveform": waveform[:1]}),
        ("wav_bytes", {"wav_bytes": files}),
    ]
    if separator.can_stream:
        hop = separator.alignment
        samples = max(waveform.shape[1] // hop, 1) * hop
        # Two lengths: a long block, and the shortest, as a live signal has it.
        for count in (samples, hop):
            requests.append(
                ("streaming", stream_inputs(separator, np.resize(waveform, (1, count))))
            )
    return requests


def stream_inputs(separator: Separator, waveform: np.ndarray) -> dict[str, np.ndarray]:
    """Return the inputs of the first step of a stream."""
    state = separator.streaming_state(len(waveform))
    return {"waveform": waveform, "end": np.zeros(len(waveform), np.float32), **state}


def write_warmup(name: str, requests: list[tuple[str, dict]], path: Path) -> None:
    """Write the requests as a TFRecord of `PredictionLog`, as TensorFlow Serving reads it.

    Args:
        name: of the model.
        requests: as `warmup_inputs` gives them.
        path: the file, `<version>/assets.extra/tf_serving_warmup_requests`.
    """
    from tensorflow_serving.apis.predict_pb2 import PredictRequest
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            request = PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = PredictionLog(predict_log=PredictLog(request=request))
            writer.write(log.SerializeToString())


def wav_file(waveform: np.ndarray, rate: int) -> bytes:
    """Return `(channels, samples)` as the bytes of a 16-bit WAV file."""
    return tf.audio.encode_wav(waveform.T, rate).numpy()
