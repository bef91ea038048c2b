import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import requests
from google.protobuf import text_format
from model_server import KERASVOX, wait_for
from tensorflow_serving.config import model_server_config_pb2

from kerasvox.errors import ServingError, UsageError
from kerasvox.serving.child import run_child
from kerasvox.serving.engines import IMAGE, choose_engine, engine_command, engine_files
from kerasvox.serving.options import ServeOptions

OPTIONS = ServeOptions(Path("/some/models"), port=9001, grpc_port=9000)


def test_command_of_tensorflow_model_server():
    assert engine_command("tensorflow_model_server", OPTIONS, Path("/conf")) == [
        "tensorflow_model_server",
        "--port=9000",
        "--rest_api_port=9001",
        "--model_config_file=/conf/models.config",
        "--monitoring_config_file=/conf/monitoring.config",
        "--rest_api_timeout_in_ms=60000",
    ]


def test_command_of_docker():
    command = engine_command("docker", OPTIONS, Path("/conf"))
    image = command.index(IMAGE)
    assert command[:3] == ["docker", "run", "--rm"]
    assert "127.0.0.1:9001:8501" in command[:image]
    assert "127.0.0.1:9000:8500" in command[:image]
    assert "type=bind,source=/some/models,target=/models,readonly" in command[:image]
    assert "type=bind,source=/conf,target=/config,readonly" in command[:image]
    assert command[image + 1 : image + 4] == [
        "--port=8500",
        "--rest_api_port=8501",
        "--model_config_file=/config/models.config",
    ]


@pytest.mark.parametrize(
    ("engine", "base"), [("docker", "/models"), ("tensorflow_model_server", "/some/models")]
)
def test_models_config_names_every_model(engine, base):
    files = engine_files(engine, OPTIONS, ["a", 'b"c'])
    config = text_format.Parse(files["models.config"], model_server_config_pb2.ModelServerConfig())
    found = [(each.name, each.base_path) for each in config.model_config_list.config]
    assert found == [("a", f"{base}/a"), ('b"c', f'{base}/b"c')]
    for each in config.model_config_list.config:
        assert each.model_version_policy.WhichOneof("policy_choice") == "all"
    assert 'path: "/monitoring/prometheus/metrics"' in files["monitoring.config"]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with nothing but what a test puts there."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name, code):
        path = folder / name
        path.write_text(f"#!{sys.executable}\n{textwrap.dedent(code)}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


def test_the_first_engine_that_is_there(programs):
    assert choose_engine("auto") == "embedded"
    programs("docker", "raise SystemExit(1)")
    assert choose_engine("auto") == "embedded"
    programs("docker", "print('an engine')")
    assert choose_engine("auto") == "docker"
    programs("tensorflow_model_server", "")
    assert choose_engine("auto") == "tensorflow_model_server"
    assert choose_engine("docker") == "docker"
    assert choose_engine("embedded") == "embedded"


def test_a_docker_that_hangs_is_passed_over(programs, monkeypatch):
    monkeypatch.setattr("kerasvox.serving.engines._DOCKER_ANSWERS_SECONDS", 0.3)
    programs("docker", "import time; time.sleep(30)")
    start = time.monotonic()
    assert choose_engine("auto") == "embedded"
    assert time.monotonic() - start < 10


def test_engines_that_are_not_there(programs):
    with pytest.raises(ServingError, match="tensorflow_model_server is not on PATH"):
        choose_engine("tensorflow_model_server")
    with pytest.raises(ServingError, match="no Docker engine answers"):
        choose_engine("docker")
    with pytest.raises(UsageError, match="unknown engine 'x'; engines are auto, "):
        choose_engine("x")


# A stand-in that reads its configuration and answers on its port, as the real one does.
FAKE = """
    import http.server, pathlib, sys
    flags = dict(flag.lstrip("-").split("=", 1) for flag in sys.argv[1:])
    config = pathlib.Path(flags["model_config_file"]).read_text()
    pathlib.Path(flags["monitoring_config_file"]).read_text()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(config.encode())

    http.server.HTTPServer(("127.0.0.1", int(flags["rest_api_port"])), Handler).serve_forever()
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def models_folder(tmp_path):
    version = tmp_path / "models" / "tiny" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"")
    return tmp_path / "models"


def serve_command(tmp_path, port, *options):
    ports = ["--port", str(port), "--grpc-port", str(free_port())]
    return [*KERASVOX, "serve", str(models_folder(tmp_path)), *ports, *options]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tensorflow_model_server_is_run_and_stopped(programs, tmp_path, number):
    programs("tensorflow_model_server", FAKE)
    port = free_port()
    command = serve_command(tmp_path, port)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def answers():
        try:
            return requests.get(f"http://127.0.0.1:{port}/", timeout=5).text
        except requests.ConnectionError:
            return None

    wait_for(answers)
    assert f'base_path: "{tmp_path / "models" / "tiny"}"' in answers()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert answers() is None  # the child is gone too
    assert f"serving tiny at http://127.0.0.1:{port} with" in errors
    assert "the engine tensorflow_model_server" in errors
    assert "Traceback" not in errors


def test_a_server_that_fails_is_told(programs, tmp_path):
    programs("tensorflow_model_server", "raise SystemExit(3)")
    done = subprocess.run(
        serve_command(tmp_path, free_port(), "--host", "0.0.0.0"), capture_output=True, text=True
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == "kerasvox: tensorflow_model_server has ended by itself, exit code 3"


def test_a_port_in_use_is_told_before_anything_starts(programs, tmp_path):
    programs("tensorflow_model_server", FAKE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = serve_command(tmp_path, port)
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr.splitlines()[-1]


def test_a_child_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("kerasvox.serving.child._STOP_SECONDS", 0.5)
    mark = tmp_path / "started"
    code = (
        "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(mark)!r}).write_text(str(os.getpid()));"
        f"os.kill({os.getpid()}, signal.SIGTERM); time.sleep(60)"
    )
    before = signal.getsignal(signal.SIGTERM)
    start = time.monotonic()
    run_child([sys.executable, "-c", code])
    assert time.monotonic() - start < 30
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_program_that_is_not_there():
    with pytest.raises(ServingError, match="nonsense-program cannot be started: No such file"):
        run_child(["nonsense-program"])
