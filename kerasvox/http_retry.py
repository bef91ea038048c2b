"""When a predict request is sent again, and after how long."""

from typing import Any, Self

from urllib3.exceptions import ReadTimeoutError, SSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

_STATUSES = (429, 502, 503, 504)
_BACKOFF_SECONDS = 0.5
_LONGEST_WAIT = 30.0  # seconds, whatever a server says


class PredictRetry(Retry):
    """Sends again after lost connections, and where the server says that it is busy.

    A prediction changes nothing on the server, so a POST is as safe to repeat as a GET. One that
    took too long is not repeated: it would take as long again, and keep a busy server busy.
    """

    @classmethod
    def times(cls, retries: int) -> Self:
        """Return a policy of so many retries."""
        return cls(
            total=retries,
            allowed_methods=None,
            status_forcelist=_STATUSES,
            backoff_factor=_BACKOFF_SECONDS,
            backoff_max=_LONGEST_WAIT,
            raise_on_status=False,
        )

    def increment(self, *arguments: Any, **options: Any) -> Self:
        error = options.get("error")
        if isinstance(error, ReadTimeoutError | SSLError):
            raise error
        return super().increment(*arguments, **options)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, _LONGEST_WAIT)
