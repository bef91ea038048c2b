"""How a model server is run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServeOptions:
    """What `kerasvox serve` is told.

    Attributes:
        models: the folder with the models.
        host: the address to listen on.
        port: the port of the REST API.
        grpc_port: the port of the gRPC API, where the engine has one.
        max_request_bytes: the largest request body (embedded engine).
        queue: requests that may wait or run at a time (embedded engine).
        workers: requests that run at a time (embedded engine).
    """

    models: Path
    host: str = "127.0.0.1"
    port: int = 8501
    grpc_port: int = 8500
    max_request_bytes: int = 64 * 2**20
    queue: int = 16
    workers: int = 1

    @property
    def url(self) -> str:
        """Where the REST API is found from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
