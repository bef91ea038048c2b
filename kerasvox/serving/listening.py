"""The socket that the server listens on."""

import socket

from kerasvox.errors import ServingError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; port 0 lets the system choose a free one.

    Raises:
        ServingError: if it cannot be bound, in use for instance.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    # A port that a server of a moment ago used is free again at once.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise ServingError(
            f"cannot listen on {host}:{port} ({reason}); choose another --port or --host"
        ) from error
    return bound
