"""`kerasvox serve`: exported models behind HTTP."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    models: Annotated[
        Path, typer.Argument(metavar="MODELS_DIR", help="The folder that models are exported to.")
    ],
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help="Port of the REST API.")] = 8501,
    grpc_port: Annotated[
        int, typer.Option(metavar="PORT", help="Port of TensorFlow Serving's gRPC API.")
    ] = 8500,
    engine: Annotated[
        str,
        typer.Option(
            metavar="ENGINE",
            help="auto, tensorflow_model_server, docker or embedded; auto takes the first of "
            "the three that is there.",
        ),
    ] = "auto",
    max_request_mb: Annotated[
        int, typer.Option(min=1, metavar="MB", help="Largest request (embedded engine).")
    ] = 64,
    queue: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Requests that may wait or run; others get status 503 (embedded engine).",
        ),
    ] = 16,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Requests that run at once (embedded engine).")
    ] = 1,
) -> None:
    """Serve exported models over HTTP, with the URLs and JSON of TensorFlow Serving.

    MODELS_DIR is what `kerasvox export --format savedmodel -o MODELS_DIR` wrote to. New versions
    are picked up while the server runs, and the highest is served.

    Runs `tensorflow_model_server` where it is installed, else its Docker image where an engine
    answers, else a server of our own that gives the same answers. Ctrl-C or SIGTERM stop it once
    the running requests are answered.

    It has no passwords and no encryption: put it behind a proxy, such as the one in the folder
    serving/ of the source, before others can reach it.

    Example: `kerasvox serve models/ --port 8501`
    """
    from kerasvox.serving.options import ServeOptions
    from kerasvox.serving.serve import serve as run

    options = ServeOptions(
        models=models,
        host=host,
        port=port,
        grpc_port=grpc_port,
        max_request_bytes=max_request_mb * 2**20,
        queue=queue,
        workers=workers,
    )
    run(options, engine)
