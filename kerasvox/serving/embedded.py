"""The embedded model server: a process of ours that runs SavedModels behind the REST API."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NoReturn

from kerasvox.errors import ServingError
from kerasvox.serving.listening import listen
from kerasvox.serving.models_folder import check_models
from kerasvox.serving.options import ServeOptions
from kerasvox.serving.repository import ModelRepository
from kerasvox.serving.servable import Servable
from kerasvox.serving.tensorflow_import import import_tensorflow

_DRAIN_SECONDS = 60  # that running requests have to end when the server is stopped


def run_embedded(options: ServeOptions) -> None:
    """Serve until SIGINT or SIGTERM; then answer what runs or waits, and return.

    Raises:
        ServingError: if there is no model, the port is in use or a library is missing.
    """
    check_models(options.models)
    try:
        import uvicorn

        from kerasvox.serving.app import ServingApp
    except ImportError as error:
        raise ServingError(
            f'the embedded server needs {error.name}: pip install "kerasvox[serve]"'
        ) from error
    bound = listen(options.host, options.port)
    options = replace(options, port=bound.getsockname()[1])
    _log_to_stderr()
    _on_signals(_stop_before_start)
    import_tensorflow()
    repository = ModelRepository(options.models, Servable)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        repository.start()
        announcing = asyncio.create_task(_announce(repository, options))
        yield
        announcing.cancel()

    serving = ServingApp(repository, options.max_request_bytes, options.queue, options.workers)
    config = uvicorn.Config(
        serving.asgi(lifespan),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    # It sets this handler itself while it runs, and then gives the signal on to the one from
    # before; with the same one there a stop that was asked for is no failure, and none is missed.
    _on_signals(server.handle_exit)
    with bound:
        server.run(sockets=[bound])
    repository.stop()
    print("kerasvox: the server has stopped", file=sys.stderr, flush=True)


def _on_signals(handler: Callable[..., None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _stop_before_start(*_: object) -> NoReturn:
    raise SystemExit(0)


async def _announce(repository: ModelRepository, options: ServeOptions) -> None:
    """Tell when the models are there: a script that started the server may wait for the line."""
    while not repository.ready:
        await asyncio.sleep(0.1)
    print(f"kerasvox: ready at {options.url}", file=sys.stderr, flush=True)


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
