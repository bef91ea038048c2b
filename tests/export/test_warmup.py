import io
import wave

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog


def test_every_signature_is_warmed_up_by_a_request_that_works(exported):
    path = exported[0] / "assets.extra" / "tf_serving_warmup_requests"
    loaded = tf.saved_model.load(str(exported[0]))
    seen = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "small"
        seen.append(request.model_spec.signature_name)
        inputs = {name: tf.make_ndarray(each) for name, each in request.inputs.items()}
        outputs = loaded.signatures[seen[-1]](**{k: tf.constant(v) for k, v in inputs.items()})
        if seen[-1] == "wav_bytes":
            channels = []
            for file in outputs["vocals_bytes"].numpy():
                with wave.open(io.BytesIO(file)) as opened:
                    channels.append(opened.getnchannels())
            assert channels == [1, 2]
        else:
            assert np.any(inputs["waveform"])
            assert outputs["vocals"].shape == inputs["waveform"].shape
    assert seen == ["serving_default", "wav_bytes", "streaming", "streaming"]
