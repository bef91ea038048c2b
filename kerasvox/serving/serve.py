"""Serving a folder of exported models with whatever engine there is."""

import sys
import tempfile
from pathlib import Path

from kerasvox.serving.child import run_child
from kerasvox.serving.embedded import run_embedded
from kerasvox.serving.engines import (
    EMBEDDED,
    MODEL_SERVER,
    choose_engine,
    engine_command,
    engine_files,
)
from kerasvox.serving.listening import listen
from kerasvox.serving.models_folder import check_models
from kerasvox.serving.options import ServeOptions


def serve(options: ServeOptions, engine: str = "auto") -> None:
    """Serve models until SIGINT or SIGTERM.

    Args:
        options: what to serve, and where.
        engine: one of `ENGINES`.

    Raises:
        UsageError: for an unknown engine.
        ServingError: if there are no models, the port is in use, or the engine is not there or
            fails.
    """
    models = check_models(options.models)
    engine = choose_engine(engine)
    print(
        f"kerasvox: serving {', '.join(models)} at {options.url} with the engine {engine}",
        file=sys.stderr,
        flush=True,
    )
    if engine == EMBEDDED:
        return run_embedded(options)
    if engine == MODEL_SERVER and options.host not in ("0.0.0.0", "::"):
        print(
            f"kerasvox: {MODEL_SERVER} listens on all addresses, not only {options.host}",
            file=sys.stderr,
            flush=True,
        )
    for port in (options.port, options.grpc_port):
        listen(options.host, port).close()  # a port in use is told in one line
    with tempfile.TemporaryDirectory(prefix="kerasvox-serve-") as folder:
        for name, text in engine_files(engine, options, models).items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        run_child(engine_command(engine, options, Path(folder)))
