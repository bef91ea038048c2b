import base64
import concurrent.futures
import http.client
import io
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
import soundfile
from model_server import KERASVOX, ModelServer, save_silencer, wait_for

RATE = 16000


def wav(samples=RATE, channels=1, rate=RATE, subtype="PCM_16"):
    noise = np.random.default_rng(samples).uniform(-0.5, 0.5, (samples, channels))
    file = io.BytesIO()
    soundfile.write(file, noise, rate, subtype=subtype, format="WAV")
    return file.getvalue()


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


def wav_request(*contents):
    return {"signature_name": "wav_bytes", "instances": [b64(content) for content in contents]}


def decode(value):
    return soundfile.read(io.BytesIO(base64.b64decode(value["b64"])), always_2d=True)


def test_predict_equals_the_separator_in_rows_and_columns(server, tiny, noise):
    expected = tiny[1].predict_on_batch(noise)
    rows = server.predict(json={"instances": noise.tolist()}).json()["predictions"]
    columns = server.predict(json={"inputs": {"waveform": noise.tolist()}}).json()["outputs"]
    for stem in expected:
        np.testing.assert_allclose([row[stem] for row in rows], expected[stem], atol=1e-5)
        np.testing.assert_allclose(columns[stem], expected[stem], atol=1e-5)


def test_wav_clips_keep_their_length_and_channels(server, tiny):
    clips = [wav(5000), wav(12345, channels=2), wav(1)]
    answers = server.predict(json=wav_request(*clips)).json()["predictions"]
    for clip, answer in zip(clips, answers, strict=True):
        mixture, _ = soundfile.read(io.BytesIO(clip), always_2d=True)
        stems = {name: decode(value) for name, value in answer.items()}
        assert set(stems) == {"vocals_bytes", "accompaniment_bytes"}
        expected = tiny[1].predict_on_batch(mixture.T.astype(np.float32))
        for name, (found, rate) in stems.items():
            assert rate == RATE
            stem = expected[name.removesuffix("_bytes")].T
            np.testing.assert_allclose(found, np.clip(stem, -1, 1), atol=1e-4)


def test_status_metadata_and_versions(server):
    status = server.get("/v1/models/tiny").json()
    expected = {"version": "1", "state": "AVAILABLE"}
    expected["status"] = {"error_code": "OK", "error_message": ""}
    assert status == {"model_version_status": [expected]}
    assert server.get("/v1/models/tiny/versions/1").json() == status
    metadata = server.get("/v1/models/tiny/versions/1/metadata").json()
    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "1"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    waveform = signatures["serving_default"]["inputs"]["waveform"]
    assert waveform["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in waveform["tensor_shape"]["dim"]] == ["-1", "-1"]
    assert signatures["wav_bytes"]["outputs"].keys() == {"vocals_bytes", "accompaniment_bytes"}
    assert signatures["wav_bytes"]["method_name"] == "tensorflow/serving/predict"


def test_health_readiness_and_metrics(server):
    assert server.get("/healthz").status_code == server.get("/readyz").status_code == 200

    def count(status, model="tiny"):
        text = server.get("/monitoring/prometheus/metrics").text
        pattern = rf'^kerasvox_requests_total{{model="{model}",status="{status}"}} (\S+)'
        found = re.search(pattern, text, re.MULTILINE)
        assert "process_resident_memory_bytes" in text
        assert "kerasvox_request_seconds_bucket" in text
        return float(found[1]) if found else 0

    before = count(200), count(400), count(404, "unknown")
    assert server.predict(json={"instances": [[0.0] * 600]}).status_code == 200
    assert server.predict(json={"instances": []}).status_code == 400
    assert server.predict("made-up", json={}).status_code == 404
    after = count(200), count(400), count(404, "unknown")
    assert after == tuple(each + 1 for each in before)
    assert "made-up" not in server.get("/monitoring/prometheus/metrics").text


TRUNCATED = wav()[:1000]
EMPTY_SAMPLES = wav(0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (wav_request(b""), "clip 0 is no WAV file"),
        (wav_request(wav(100), b"ID3 this is no WAV file"), "clip 1 is no WAV file"),
        (wav_request(TRUNCATED), "truncated"),
        (wav_request(wav(rate=44100)), "rate of 44100 Hz; send 16000 Hz"),
        (wav_request(wav(subtype="PCM_24")), "24 bits a sample"),
        (wav_request(wav(channels=8)), "8 channels; send 1 or 2"),
        (wav_request(EMPTY_SAMPLES), "0 samples"),
        (wav_request(), "'instances' is empty"),
        ({"signature_name": "wav_bytes", "inputs": []}, "batch of 0"),
        ({"signature_name": "wav_bytes", "instances": [1]}, "holds a number"),
        ({"signature_name": "nonsense", "instances": [1]}, '"nonsense" not found'),
        ({"instances": [[]]}, "waveform has 0 samples"),
        ({"instances": [0.5]}, "has shape (1,)"),
        ({"instances": [["0.5"]]}, "holds strings"),
        ({"instances": [[1], [1, 2]]}, "differ in length"),
        ({"instances": [{"wave": [1]}]}, "lacks waveform"),
        (b'{"instances": [[NaN]]}', "NaN is no JSON number"),
        (b'{"instances": [[1e999]]}', "NaN or infinite"),
        (b'{"instances": [[1e39]]}', "NaN or infinite"),
        (b"this is no JSON", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_input_gets_400_with_a_reason(server, body, reason):
    options = {"data": body} if isinstance(body, bytes) else {"json": body}
    start = time.monotonic()
    response = server.predict(**options)
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert "\n" not in response.json()["error"]
    assert time.monotonic() - start < 10


def test_a_clip_over_the_limit_of_seconds(server):
    # 61 s of silence in 8 bytes a second of JSON would pass the size limit; WAV does too.
    response = server.predict(json=wav_request(wav(61 * RATE)))
    assert response.status_code == 400
    assert "976000 samples; send 1 to 960000 (60 s)" in response.json()["error"]


def test_a_body_over_the_limit_of_bytes(server):
    announced = server.predict(data=b" " * (4 * 2**20 + 1))
    streamed = server.predict(data=iter([b" " * 2**20] * 5))  # no Content-Length
    for response in (announced, streamed):
        assert response.status_code == 413
        assert "larger than 4194304 bytes" in response.json()["error"]


def test_a_huge_body_that_is_only_announced(server):
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("POST", "/v1/models/tiny:predict")
    connection.putheader("Content-Length", str(10**12))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("POST", "/v1/models/none:predict", 404, "model 'none' is not served; there is tiny"),
        ("GET", "/v1/models/none", 404, "model 'none' is not served"),
        ("GET", "/v1/models/none/metadata", 404, "model 'none' is not served"),
        ("POST", "/v1/models/tiny/versions/9:predict", 404, "version 9 is not served; there is 1"),
        ("GET", "/v1/models/tiny/versions/9", 404, "version 9 is not served"),
        ("POST", "/v1/models/tiny/labels/stable:predict", 404, "no version labels"),
        ("GET", "/v1/models/tiny/labels/stable", 404, "no version labels"),
        ("POST", "/v1/models/tiny:classify", 404, "no such page"),
        ("POST", "/v1/models/tiny/versions/x:predict", 404, "no such page"),
        ("POST", "/v1/models/..%2F..%2Fetc:predict", 404, "is not served"),
        ("GET", "/nonsense", 404, "Not Found"),
        ("GET", "/v1/models/tiny:predict", 405, "GET is not for this page; POST is"),
        ("POST", "/v1/models/tiny", 405, "POST is not for this page; GET is"),
        ("DELETE", "/v1/models/tiny", 405, "Method Not Allowed"),
        ("POST", "/healthz", 405, "Method Not Allowed"),
    ],
)
def test_wrong_addresses_and_methods(server, method, path, status, reason):
    response = requests.request(method, server.url + path, json={"instances": [[0.0]]}, timeout=60)
    assert response.status_code == status
    assert reason in response.json()["error"]
    assert response.headers["content-type"] == "application/json"
    if status == 405:
        assert response.headers["allow"]


def test_what_is_no_http_leaves_the_server_up(server):
    address = urlsplit(server.url)
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"POST"):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(garbage)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        connection.sendall(head)  # and hangs up in the middle
        linger = struct.pack("ii", 1, 0)  # with a reset
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert server.predict(json={"instances": [[0.0] * 600]}).status_code == 200


def test_many_clients_at_once(server, tiny):
    lengths = [4000, 8000, 16000, 12000, 20000, 4000, 1000, 30000]

    def ask(samples):
        return server.predict(json=wav_request(wav(samples)))

    with concurrent.futures.ThreadPoolExecutor(len(lengths)) as pool:
        for samples, response in zip(lengths, pool.map(ask, lengths), strict=True):
            assert response.status_code == 200
            assert len(decode(response.json()["predictions"][0]["vocals_bytes"])[0]) == samples


def test_versions_come_and_go_while_it_runs(server, noise):
    ask = {"instances": noise[:, :2000].tolist()}
    first = server.predict(json=ask).json()

    def served():
        states = server.get("/v1/models/tiny").json()["model_version_status"]
        return {each["version"]: each["state"] for each in states}

    broken = server.models / "tiny" / "3"
    (broken / "variables").mkdir(parents=True)
    (broken / "saved_model.pb").write_bytes(b"this is no model")
    wait_for(lambda: served().get("3") == "END")
    assert server.predict(json=ask).json() == first
    message = server.get("/v1/models/tiny/versions/3").json()["model_version_status"][0]
    assert message["status"]["error_message"]
    assert "cannot load model 'tiny' version 3" in server.log.read_text()

    save_silencer(server.models / "tiny" / "2")
    wait_for(lambda: served().get("2") == "AVAILABLE")
    second = server.predict(json=ask).json()
    assert not np.any(second["predictions"][0]["vocals"])
    assert second != first
    assert server.predict("tiny/versions/1", json=ask).json() == first

    shutil.rmtree(server.models / "tiny" / "2")
    shutil.rmtree(broken)
    wait_for(lambda: served() == {"1": "AVAILABLE"})
    assert server.predict(json=ask).json() == first


def test_a_full_queue_and_a_graceful_stop(tiny, tmp_path):
    with ModelServer(tiny[0], "--queue", "2", log=tmp_path / "log") as server:
        fill_the_queue_and_stop(server)


def fill_the_queue_and_stop(server):
    body = json.dumps(wav_request(wav(30 * RATE))).encode()
    address = urlsplit(server.url)

    def begin(content):
        """Send a request whose body stays open: it holds a place in the queue."""
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        connection.putrequest("POST", "/v1/models/tiny:predict")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content[:-1])
        return connection

    running = [begin(body), begin(body)]
    wait_for(lambda: "kerasvox_requests_in_progress 2" in metrics(server))
    refused = server.predict(json=wav_request(wav(100)))
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert "busy: 2 requests wait or run" in refused.json()["error"]
    assert server.get("/healthz").status_code == 200  # not part of the queue

    for connection in running:
        connection.send(body[-1:])
    server.process.send_signal(signal.SIGTERM)
    for connection in running:
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["predictions"]
        connection.close()
    assert server.process.wait(60) == 0
    assert "Traceback" not in server.log.read_text()


def metrics(server):
    return server.get("/monitoring/prometheus/metrics").text


def run(*arguments, **options):
    command = [*KERASVOX, "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_ctrl_c_before_it_is_ready_ends_in_peace(tiny, tmp_path):
    log = tmp_path / "log"
    command = [*KERASVOX, "serve", str(tiny[0]), "--engine", "embedded", "--port", "0"]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stderr=stream)
    wait_for(lambda: "with the engine embedded" in log.read_text())
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert "Traceback" not in log.read_text()


def test_what_cannot_be_served_is_told_in_one_line(tiny, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments, reason in (
            ([tmp_path / "nothing"], "nothing: is no folder"),
            ([tmp_path], "holds no model"),
            ([tiny[0] / "tiny"], "is the folder of one model"),
            ([tiny[0], "--engine", "nonsense"], "unknown engine 'nonsense'"),
            ([tiny[0], "--engine", "embedded", "--port", port], "Address already in use"),
            ([tiny[0], "--engine", "embedded", "--port", 99999], "cannot listen on"),
        ):
            done = run(*arguments)
            assert done.returncode in (1, 2)
            lines = [line for line in done.stderr.splitlines() if "with the engine" not in line]
            assert len(lines) == 1
            assert reason in lines[0]
