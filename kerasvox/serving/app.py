"""TensorFlow Serving's REST API over the models of a repository."""

import asyncio
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kerasvox.serving.body import discard_rest, read_body
from kerasvox.serving.metrics import CONTENT_TYPE, Metrics
from kerasvox.serving.repository import ModelRepository, Runnable
from kerasvox.serving.request_error import RequestError
from kerasvox.serving.request_json import read_predict_request
from kerasvox.serving.response_json import write_predict_response
from kerasvox.serving.turns import Turns

_LOG = logging.getLogger(__name__)
_METRICS_PATH = "/monitoring/prometheus/metrics"  # TensorFlow Serving's usual one
_PATH = re.compile(
    r"(?P<model>[^/:]+)(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?:(?P<metadata>/metadata)|:(?P<verb>\w+))?"
)
_GONE = 499  # nginx's status for a client that hung up; nobody receives it


class ServingApp:
    """The REST API: predict, status and metadata of models, health, readiness and metrics.

    Args:
        repository: the models.
        max_request_bytes: the largest body that is read.
        queue: requests that may wait or run at a time; others get 503.
        workers: requests that run at a time.
    """

    def __init__(
        self, repository: ModelRepository, max_request_bytes: int, queue: int, workers: int
    ):
        self._repository = repository
        self._max_request_bytes = max_request_bytes
        self._turns = Turns(queue, workers)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="inference")
        self._metrics = Metrics()

    def asgi(self, lifespan: Any = None) -> Starlette:
        """Return it as an ASGI application; `lifespan` is entered when it starts."""
        return Starlette(
            lifespan=lifespan,
            routes=[
                Route("/v1/models/{path:path}", self._models, methods=["GET", "POST"]),
                Route("/healthz", self._healthy),
                Route("/readyz", self._ready),
                Route(_METRICS_PATH, self._exposition),
            ],
            exception_handlers={HTTPException: _http_error, Exception: _unexpected},
        )

    async def _models(self, request: Request) -> Response:
        """Answer whatever begins with `/v1/models/`."""
        # The raw path: an escaped slash or colon belongs to a name.
        raw = request.scope.get("raw_path") or request.url.path.encode()
        match = _PATH.fullmatch(raw.decode("latin-1").removeprefix("/v1/models/"))
        if match is None or match["verb"] not in (None, "predict"):
            reason = f"{request.url.path[:200]}: no such page; POST /v1/models/NAME:predict is one"
            return _failure(RequestError(404, reason))
        wanted = "POST" if match["verb"] else "GET"
        if request.method != wanted and (request.method, wanted) != ("HEAD", "GET"):
            reason = f"{request.method} is not for this page; {wanted} is"
            return _failure(RequestError(405, reason), {"Allow": wanted})
        model = unquote(match["model"])
        version = int(match["version"]) if match["version"] else None
        if match["verb"]:
            return await self._counted_predict(request, model, version, match["label"])
        try:
            _refuse_label(match["label"])
            return _json(self._describe(model, version, bool(match["metadata"])))
        except RequestError as failure:
            return _failure(failure)

    def _describe(self, model: str, version: int | None, metadata: bool) -> dict[str, Any]:
        if not metadata:
            versions = self._repository.status(model, version)
            return {"model_version_status": [each.to_json() for each in versions]}
        number, servable = self._repository.find(model, version)
        signatures = {name: each.to_json() for name, each in servable.signatures.items()}
        return {
            "model_spec": {"name": model, "signature_name": "", "version": str(number)},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }

    async def _counted_predict(
        self, request: Request, model: str, version: int | None, label: str | None
    ) -> Response:
        start = time.perf_counter()
        known = None
        try:
            with self._turns.place(), self._metrics.in_progress.track_inprogress():
                _refuse_label(label)
                _, servable = self._repository.find(model, version)
                known = model
                response = await self._predict(request, servable)
        except RequestError as failure:
            await discard_rest(request)
            response = _failure(failure)
        self._metrics.count(known, response.status_code, time.perf_counter() - start)
        return response

    async def _predict(self, request: Request, servable: Runnable) -> Response:
        body = await read_body(request, self._max_request_bytes)
        async with self._turns.running:
            if await request.is_disconnected():  # while it waited
                return Response(status_code=_GONE)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._pool, _work, servable, body)
        return Response(answer, media_type="application/json")

    async def _healthy(self, request: Request) -> Response:
        return _json({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        if self._repository.ready:
            return _json({"status": "ready"})
        return _failure(RequestError(503, "no model is loaded yet", retry_after=2))

    async def _exposition(self, request: Request) -> Response:
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE)


def _work(servable: Runnable, body: bytes) -> bytes:
    """Answer a predict request; what happens in a worker's thread."""
    try:
        wanted = read_predict_request(body, servable.signatures)
        return write_predict_response(servable.run(wanted.signature, wanted.inputs), wanted.rows)
    except RequestError:
        raise
    except Exception as error:
        _LOG.exception("a predict request failed")
        raise RequestError(500, f"internal error: {type(error).__name__}") from error


def _refuse_label(label: str | None) -> None:
    if label is not None:
        raise RequestError(404, "this server knows no version labels; use /versions/NUMBER")


def _json(content: dict[str, Any], status: int = 200, headers: Any = None) -> Response:
    body = json.dumps(content, indent=1)
    return Response(body, status, headers=headers, media_type="application/json")


def _failure(failure: RequestError, headers: dict[str, str] | None = None) -> Response:
    headers = dict(headers or {})
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    return _json({"error": failure.reason}, failure.status, headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = f"{request.method} {request.url.path[:200]}: {error.detail}"
    return _failure(RequestError(error.status_code, reason), dict(error.headers or {}))


def _unexpected(request: Request, error: Exception) -> Response:
    return _failure(RequestError(500, f"internal error: {type(error).__name__}"))
