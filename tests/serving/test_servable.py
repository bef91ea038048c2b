import subprocess
import sys

import numpy as np
import pytest

from kerasvox.serving.request_error import BadRequestError
from kerasvox.serving.servable import Servable, graph_message

WHERE = (
    "Graph execution error:\n\nDetected at node A defined at (most recent call last):\n"
    "<stack traces unavailable>\n"
)
NODE = "\n\t [[{{node map/while/Assert/A}}]] [Op:__inference_signature_wrapper_156]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{WHERE}assertion failed: [a is 3; send 4]{NODE}", "a is 3; send 4"),
        (f"assertion failed: [rate is] [8000]{NODE}", "rate is 8000"),
        (f"assertion failed: [shape [1 2] is wrong]{NODE}", "shape [1 2] is wrong"),
        (f"Data too short{NODE}", "Data too short"),
        (f"2 root error(s) found.\n  (0) INVALID_ARGUMENT:  too\nlong{NODE}\n  (1) b", "too long"),
        ("", "the model does not take this input"),
    ],
)
def test_the_graphs_message_is_cleaned(text, message):
    assert graph_message(text) == message


@pytest.fixture(scope="module")
def servable(tiny):
    return Servable(tiny[0] / "tiny" / "1")


def test_signatures_are_those_of_the_export(servable):
    assert {"serving_default", "wav_bytes"} <= servable.signatures.keys()
    inputs = servable.signatures["serving_default"].inputs
    assert inputs["waveform"].describe() == "float32 (?, ?)"
    inputs = servable.signatures["wav_bytes"].inputs
    assert inputs["wav_bytes"].describe() == "string (?,)"


def test_it_equals_the_separator(servable, tiny, noise):
    outputs = servable.run("serving_default", {"waveform": noise})
    expected = tiny[1].predict_on_batch(noise)
    for stem in expected:
        np.testing.assert_allclose(outputs[stem], expected[stem], atol=1e-5)


def test_the_graphs_refusal_is_a_bad_request(servable):
    with pytest.raises(BadRequestError, match=r"^waveform has 0 samples; send 1 to 960000"):
        servable.run("serving_default", {"waveform": np.zeros((1, 0), np.float32)})


def test_neither_keras_nor_the_models_are_imported(tiny):
    code = (
        "import sys; from pathlib import Path; from kerasvox.serving.servable import Servable;"
        "from kerasvox.serving import embedded, app;"
        "import numpy as np; servable = Servable(Path(sys.argv[1]));"
        "servable.run('serving_default', {'waveform': np.zeros((1, 600), np.float32)});"
        "heavy = ('keras', 'tf_keras', 'kerasvox.models', 'kerasvox.layers', 'kerasvox.export');"
        "print([name for name in heavy if name in sys.modules])"
    )
    folder = str(tiny[0] / "tiny" / "1")
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
