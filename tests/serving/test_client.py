import http.server
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
from model_server import wait_for

from kerasvox.client import Client
from kerasvox.errors import AudioError, ServingError, UsageError
from kerasvox.separation import separate_array

STEP = 1 / 32768  # of 16-bit samples


@pytest.fixture(scope="session", params=["embedded", "tensorflow_serving"])
def served(request):
    """Address and name of a served model, and the same model here."""
    if request.param == "embedded":
        url = request.getfixturevalue("server").url
        return url, "tiny", request.getfixturevalue("tiny")[1]
    url = os.environ.get("KERASVOX_TF_SERVING_URL")
    if not url:
        pytest.skip("KERASVOX_TF_SERVING_URL gives no address of a TensorFlow Serving")
    from kerasvox import Separator

    model = os.environ.get("KERASVOX_TF_SERVING_MODEL", "drnn_mir1k")
    return url, model, Separator.from_preset(model)


@pytest.fixture
def client(served):
    url, model, separator = served
    with Client(url, model, alignment=separator.alignment, chunk_seconds=5.0) as made:
        yield made


def song(samples, channels=2, level=0.4):
    """Noise of 16 bits: what is rounded on the way to the server changes nothing in it."""
    generator = np.random.default_rng(samples)
    noise = generator.uniform(-level, level, (channels, samples))
    return (np.rint(noise / STEP) * STEP).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 700, 16000 * 12 + 345])
def test_it_separates_as_the_model_does(client, served, samples, monkeypatch):
    waveform = song(samples)
    stems = client.separate(waveform)
    monkeypatch.setattr(served[2], "chunk_seconds", client.chunk_seconds)
    expected = separate_array(served[2], waveform, 16000)
    for name, stem in expected.items():
        assert stems[name].dtype == np.float32
        np.testing.assert_allclose(stems[name], stem, atol=1.1 * STEP)
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], waveform, atol=1e-6)


def test_other_rates_and_a_song_in_files(client, served, tmp_path):
    path = tmp_path / "song.flac"
    soundfile.write(path, song(44100 * 2).T, 44100)
    done = []
    manifest = client.separate_file(
        path, tmp_path / "out", format="flac", progress=lambda seconds, total: done.append(seconds)
    )
    assert manifest["model"] == served[1]
    assert done[-1] == pytest.approx(2.0)
    arrays = client.separate(path)
    for name in ("vocals", "accompaniment"):
        written, rate = soundfile.read(tmp_path / "out" / "song" / f"{name}.flac")
        assert rate == 44100
        np.testing.assert_allclose(written.T, arrays[name], atol=2 * STEP)


def test_no_samples_need_no_server():
    stems = Client("http://127.0.0.1:9", "any").separate(np.zeros((2, 0), np.float32))
    assert stems["vocals"].shape == (2, 0)


@pytest.mark.parametrize(("level", "exact"), [(3.0, False), (1.0, False), (0.4, True)])
def test_loud_songs_are_not_clipped_and_exact_is_exact(served, level, exact):
    url, model, separator = served
    waveform = song(5000, 1, level)
    with Client(url, model, exact=exact) as client:
        stems = client.predict_on_batch(waveform)
    expected = separator.predict_on_batch(waveform)
    atol = 1e-5 * level if exact or level > 1 else 1.1 * STEP
    np.testing.assert_allclose(stems["vocals"], expected["vocals"], atol=atol)


def test_a_version(served):
    url, model, _ = served
    with Client(url, model, version=1) as client:
        assert client.separate(song(1000, 1)[0])["vocals"].shape == (1000,)
    with Client(url, model, version=99) as client, pytest.raises(ServingError, match="status 404"):
        client.separate(song(1000))


def test_what_the_server_says_is_told_in_one_line(served):
    url, model, _ = served
    for options, reason in (
        ({"model": "nothing"}, "status 404"),
        ({"sample_rate": 8000}, "rate of 8000 Hz; send 16000 Hz"),
    ):
        with Client(url, **{"model": model, **options}) as client:
            with pytest.raises(ServingError, match=reason) as caught:
                client.separate(song(1000))
            assert "\n" not in str(caught.value)
            assert url in str(caught.value)


def test_audio_that_is_none(client, tmp_path):
    with pytest.raises(AudioError, match="NaN"):
        client.separate(np.full(100, np.nan, np.float32))
    with pytest.raises(AudioError, match=r"nothing\.wav"):
        client.separate(tmp_path / "nothing.wav")


def test_nothing_is_left_when_the_server_fails(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, song(1000).T, 16000)
    client = Client("http://127.0.0.1:9", "tiny", retries=0)
    with client, pytest.raises(ServingError, match=r"cannot be reached \(Connection refused\)"):
        client.separate_file(path, tmp_path / "out")
    assert [each.name for each in tmp_path.rglob("*")] == ["song.wav"]


def test_addresses_that_are_none():
    with pytest.raises(UsageError, match="'localhost:8501' is no address of a server"):
        Client("localhost:8501", "tiny")


class Script:
    """A server that gives the next of some answers to each request, and keeps the requests."""

    def __init__(self):
        self.answers = []
        self.requests = []
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                body = json.loads(self.rfile.read(length))
                script.requests.append((self.path, dict(self.headers), body))
                answer = script.answers.pop(0)
                if answer is None:  # hang up
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for header in headers.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *arguments: None  # clients hang up
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def script():
    with Script() as running:
        yield running


def floats(row):
    prediction = {"vocals": row, "accompaniment": row}
    return 200, {}, json.dumps({"predictions": [prediction]}).encode()


BUSY = (503, {"Retry-After": "0"}, b'{"error": "busy"}')


@pytest.mark.parametrize("failure", [BUSY, (429, {"Retry-After": "0"}, b""), (502, {}, b""), None])
def test_failures_that_pass_are_tried_again(script, failure):
    script.answers = [failure, floats([0.5, 0.25])]
    with Client(script.url, "tiny", exact=True, token="secret") as client:
        stems = client.predict_on_batch(np.float32([[1, 1]]))
    np.testing.assert_array_equal(stems["vocals"], [[0.5, 0.25]])
    np.testing.assert_array_equal(stems["accompaniment"], [[0.5, 0.75]])
    assert len(script.requests) == 2
    for path, headers, body in script.requests:
        assert path == "/v1/models/tiny:predict"
        assert headers["Authorization"] == "Bearer secret"
        assert body == {"signature_name": "serving_default", "instances": [[1.0, 1.0]]}


def test_the_token_is_sent_in_spite_of_a_netrc(script, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    script.answers = [floats([0.0])]
    with Client(script.url, "tiny", exact=True, token="secret") as client:
        client.predict_on_batch(np.float32([[1]]))
    assert script.requests[0][1]["Authorization"] == "Bearer secret"


NO_SIGNATURE = b'{"error": "Serving signature name: \\"wav_bytes\\" not found in signature def"}'


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BUSY, "status 503, busy"),
        ((401, {}, b"<html>no</html>"), "status 401, Unauthorized"),
        ((400, {}, b'{"error": "a\\nb"}'), "status 400, a b"),
        ((400, {}, NO_SIGNATURE), "the model has no signature wav_bytes"),
        ((200, {}, b"<html>"), "its answer is no prediction of a separator"),
        ((200, {}, b'{"predictions": []}'), "its answer is no prediction of a separator"),
        ((200, {}, b'{"predictions": [3]}'), "its answer is no prediction of a separator"),
        ((200, {}, b'{"predictions": [{"vocals_bytes": 3}]}'), "no WAV file"),
        ((200, {}, b'{"predictions": [{"vocals_bytes": {"b64": "AAAA"}}]}'), "no WAV file"),
        ((200, {"Content-Length": "100"}, b"{"), "cannot be reached|broken|incomplete"),
    ],
)
def test_answers_that_are_no_stems(script, answer, reason):
    script.answers = [answer] * 2
    client = Client(script.url, "tiny", retries=1)
    with client, pytest.raises(ServingError, match=f"(?i){reason}") as caught:
        client.predict_on_batch(np.float32([[0.1, 0.1]]))
    assert "\n" not in str(caught.value)


def test_a_server_that_takes_too_long_is_not_asked_again(script):
    release = threading.Event()

    class Slow(list):
        def pop(self, index):
            release.wait(30)
            return floats([0.0])

    script.answers = Slow()
    client = Client(script.url, "tiny", exact=True, timeout=0.3)
    with client, pytest.raises(ServingError, match=r"no answer within 0\.3 s"):
        client.predict_on_batch(np.float32([[1]]))
    release.set()
    wait_for(lambda: len(script.requests) == 1)


def test_it_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys; import numpy as np; from kerasvox.client import Client;"
        "Client('http://127.0.0.1:9', 'x').separate(np.zeros((1, 0), np.float32));"
        "print([name for name in ('tensorflow', 'keras', 'jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
