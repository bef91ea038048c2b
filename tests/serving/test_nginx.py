import concurrent.futures
import shutil
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import requests

from kerasvox.client import Client
from kerasvox.errors import ServingError

TEMPLATE = Path(__file__).parents[2] / "serving" / "nginx" / "kerasvox.conf.template"
TOKEN = "0123456789abcdef" * 4
# What the nginx image's own nginx.conf says, in a folder of ours.
MAIN = """\
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
daemon off;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/kerasvox.conf;
}}
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")), reason="nginx or openssl is missing"
)


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):
    """The address of nginx before the server, and the certificate to trust."""
    folder = tmp_path_factory.mktemp("nginx")
    certificate = folder / "tls.crt"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", folder / "tls.key", "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "token.conf").write_text(f'"Bearer {TOKEN}" "tester";\n')
    port = free_port()
    places = {
        "${KERASVOX_UPSTREAM}": server.url.removeprefix("http://"),
        "${KERASVOX_LISTEN}": f"127.0.0.1:{port}",
        "${KERASVOX_SECRETS}": str(folder),
    }
    config = TEMPLATE.read_text()
    for place, value in places.items():
        assert place in config
        config = config.replace(place, value)
    (folder / "kerasvox.conf").write_text(config)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    # Started by root, nginx's workers are of another user, who must reach the folder.
    for path in (folder, *list(folder.parents)[:2]):
        path.chmod(0o755)
    command = ["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen(command)
    try:
        wait_for_nginx(port)
        yield f"https://127.0.0.1:{port}", str(certificate)
    finally:
        process.terminate()
        process.wait(30)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for_nginx(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as tried:
            if not tried.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


@pytest.fixture
def ask(proxy):
    url, certificate = proxy

    def send(method="POST", path="/v1/models/tiny:predict", token=f"Bearer {TOKEN}", **options):
        headers = {"Authorization": token} if token else {}
        if method == "POST":
            options = {"json": {"instances": [[0.0] * 600]}} | options
        address = url + path
        return requests.request(
            method, address, headers=headers, verify=certificate, timeout=60, **options
        )

    return send


@pytest.fixture(autouse=True)
def _let_the_rate_recover():
    time.sleep(0.3)


def test_the_right_token(ask):
    assert ask().status_code == 200
    assert ask("GET", "/v1/models/tiny").json()["model_version_status"]
    assert ask("GET", "/v1/models/tiny/versions/1/metadata").status_code == 200


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
def test_no_or_a_wrong_token(ask, token):
    response = ask(token=token)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "a valid token is needed" in response.json()["error"]
    assert ask("GET", "/v1/models/tiny", token).status_code == 401


def test_pages_that_stay_inside(ask):
    for path in ("/monitoring/prometheus/metrics", "/readyz", "/", "/v1/models", "/v1/models/a/b"):
        response = ask("GET", path)
        assert response.status_code == 404
        assert "no such page" in response.json()["error"]
    assert ask("GET", "/healthz", token=None).json() == {"status": "alive"}


def test_the_servers_own_errors_pass(ask):
    response = ask(json={"instances": []})
    assert response.status_code == 400
    assert "'instances' is empty" in response.json()["error"]
    assert "is not served" in ask(path="/v1/models/none:predict").json()["error"]


def test_methods(ask):
    response = ask("DELETE")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def test_a_body_that_is_too_large(ask):
    response = ask(json=None, data=b" " * (17 * 2**20))
    assert response.status_code == 413
    assert "larger than 16 MB" in response.json()["error"]


def test_too_many_requests(ask):
    def status(_):
        response = ask("GET", "/v1/models/tiny")
        if response.status_code == 429:
            assert response.headers["retry-after"] == "1"
            assert "too many requests" in response.json()["error"]
        return response.status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(status, range(80)))
    assert set(statuses) == {200, 429}
    time.sleep(2.5)  # as the burst is served again


def test_the_client_goes_through(proxy, tiny):
    url, certificate = proxy
    waveform = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
    with Client(url, "tiny", token=TOKEN, verify=certificate) as client:
        found = client.predict_on_batch(waveform)["vocals"]
    expected = tiny[1].predict_on_batch(waveform)["vocals"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    client = Client(url, "tiny", token="wrong", verify=certificate)
    with client, pytest.raises(ServingError, match="status 401, a valid token is needed"):
        client.predict_on_batch(waveform)
    client = Client(url, "tiny", token=TOKEN, retries=0)
    with client, pytest.raises(ServingError, match="its certificate is not trusted"):
        client.predict_on_batch(waveform)
