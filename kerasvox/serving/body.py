"""The body of a request, read with a limit."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from kerasvox.serving.request_error import RequestError

# How long a client may take to send its request, and how long one that was refused is listened to:
# a connection closed in the middle of its sending would hide the answer from it.
SEND_SECONDS = 60.0
_LINGER_SECONDS = 2.0


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body, as it comes, up to `limit` bytes.

    Raises:
        RequestError: 413 if it is larger, 408 if it takes too long, 400 if the client hangs up.
    """
    too_large = RequestError(
        413, f"the body is larger than {limit} bytes; send shorter clips, or fewer in a request"
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SEND_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError as error:
        raise RequestError(408, f"the body did not come within {SEND_SECONDS:.0f} s") from error
    except ClientDisconnect as error:
        raise RequestError(400, "the client hung up before the end of its request") from error
    request.state.body_read = True
    return b"".join(chunks)


async def discard_rest(request: Request) -> None:
    """Let a refused client finish sending, for a moment, and throw away what it sends."""
    # A client that expects 100 Continue waits for an answer before it sends.
    if getattr(request.state, "body_read", False) or "expect" in request.headers:
        return
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while (message := await request.receive())["type"] == "http.request":
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
