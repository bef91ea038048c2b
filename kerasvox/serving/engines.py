"""What runs the models: TensorFlow Serving itself where there is one, else the embedded server."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kerasvox.errors import ServingError, UsageError
from kerasvox.serving.options import ServeOptions

MODEL_SERVER = "tensorflow_model_server"
DOCKER = "docker"
EMBEDDED = "embedded"
ENGINES = ("auto", MODEL_SERVER, DOCKER, EMBEDDED)
IMAGE = "tensorflow/serving:2.19.1"

MODELS_CONFIG = "models.config"
MONITORING_CONFIG = "monitoring.config"
_MODELS_IN_CONTAINER = PurePosixPath("/models")
_CONFIG_IN_CONTAINER = PurePosixPath("/config")
_DOCKER_ANSWERS_SECONDS = 5.0


def choose_engine(engine: str) -> str:
    """Return the engine to run: the one asked for, or the first there is of `auto`.

    Raises:
        UsageError: for an unknown engine.
        ServingError: if the one asked for is not on this machine.
    """
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}; engines are {', '.join(ENGINES)}")
    if engine in ("auto", MODEL_SERVER) and shutil.which(MODEL_SERVER):
        return MODEL_SERVER
    if engine in ("auto", DOCKER) and docker_answers():
        return DOCKER
    if engine == MODEL_SERVER:
        raise ServingError(f"{MODEL_SERVER} is not on PATH; install it, or use --engine embedded")
    if engine == DOCKER:
        raise ServingError(
            "no Docker engine answers `docker info`; start it, or use --engine embedded"
        )
    return EMBEDDED


def docker_answers() -> bool:
    """Whether there is a docker command, and an engine behind it that answers soon."""
    if not shutil.which(DOCKER):
        return False
    try:
        done = subprocess.run(
            [DOCKER, "info"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_DOCKER_ANSWERS_SECONDS,
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


def engine_command(engine: str, options: ServeOptions, config: Path) -> list[str]:
    """Return the command that runs TensorFlow Serving.

    Args:
        engine: `MODEL_SERVER` or `DOCKER`.
        options: how to serve.
        config: folder with the files that `engine_files` gives.
    """
    if engine == MODEL_SERVER:
        return [MODEL_SERVER, *_flags(options.grpc_port, options.port, config)]
    host = f"[{options.host}]" if ":" in options.host else options.host
    return [
        *(DOCKER, "run", "--rm"),
        # The server ends on SIGTERM only where it is not process 1, which --init is then.
        *("--init", "--entrypoint", MODEL_SERVER),
        *("--publish", f"{host}:{options.port}:8501"),
        *("--publish", f"{host}:{options.grpc_port}:8500"),
        *("--mount", _mount(options.models.resolve(), _MODELS_IN_CONTAINER)),
        *("--mount", _mount(config.resolve(), _CONFIG_IN_CONTAINER)),
        IMAGE,
        *_flags(8500, 8501, _CONFIG_IN_CONTAINER),
    ]


def engine_files(engine: str, options: ServeOptions, models: Iterable[str]) -> dict[str, str]:
    """Return the configuration files, name to text, that `engine_command` refers to."""
    base = _MODELS_IN_CONTAINER if engine == DOCKER else options.models.resolve()
    entries = "".join(
        "  config {\n"
        f"    name: {_quoted(name)}\n"
        f"    base_path: {_quoted(str(base / name))}\n"
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { all {} }\n"
        "  }\n"
        for name in models
    )
    return {
        MODELS_CONFIG: f"model_config_list {{\n{entries}}}\n",
        MONITORING_CONFIG: (
            'prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }\n'
        ),
    }


def _flags(grpc_port: int, rest_port: int, config: Path | PurePosixPath) -> list[str]:
    return [
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={config / MODELS_CONFIG}",
        f"--monitoring_config_file={config / MONITORING_CONFIG}",
        # Its default of 30 s is short for a minute of audio on a busy machine.
        "--rest_api_timeout_in_ms=60000",
    ]


def _mount(source: Path, target: PurePosixPath) -> str:
    return f"type=bind,source={source},target={target},readonly"


def _quoted(text: str) -> str:
    """Quote a string as protobuf's text format does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
