"""Why a request was not fulfilled, in HTTP's terms."""


class RequestError(Exception):
    """A request that ends with an error status.

    Args:
        status: the HTTP status.
        reason: one line for the one who asked.
        retry_after: seconds after which asking again may help, if it may.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None):
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class BadRequestError(RequestError):
    """A request that cannot be right however often it is repeated: status 400."""

    def __init__(self, reason: str):
        super().__init__(400, reason)
