"""A client of model servers: songs of any length separated by a server, without Keras here.

The server is TensorFlow Serving, or `kerasvox serve`, with a model that `kerasvox export` wrote.
"""

import base64
import io
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

import numpy as np
import requests
import soundfile
from requests.adapters import HTTPAdapter

from kerasvox.errors import ServingError, UsageError
from kerasvox.http_retry import PredictRetry

if TYPE_CHECKING:
    from kerasvox.models.separator import Separator
    from kerasvox.separation import Progress

_FULL_SCALE = 32768  # of 16-bit samples, as TensorFlow reads and writes them
_CONNECT_SECONDS = 10.0


class Client:
    """A separator that lives on a model server.

    Songs are cut into chunks with context, as `Separator.separate` does, and each chunk is sent as
    a 16-bit WAV file to the model's signature `wav_bytes`. Where 16 bits would clip (samples of a
    song, or of its vocals, beyond full scale) the chunk goes as numbers to `serving_default`. What
    is rounded to 16 bits on the way lies 84 dB below the vocals of the demo song.

    Args:
        url: where the server is, `http://host:8501`; what a proxy puts before `/v1` belongs to it.
        model: the model's name.
        version: one version of it; the server's choice where not given.
        token: sent as `Authorization: Bearer <token>`, for a proxy that asks for one.
        timeout: seconds that the server may take to answer one chunk.
        retries: how often a chunk is sent again after a lost connection, or the status 429, 502,
            503 or 504; after half a second first, longer each time, or as long as the server says.
        sample_rate: the model's rate in Hz.
        alignment: the model's hop in samples, or a multiple of it.
        chunk_seconds: how long the chunks are; the server has a limit, 60 s by default.
        context_seconds: what a chunk sees of its neighbours on either side.
        exact: whether to send and receive numbers always: five to eight times the bytes
            of WAV, and no rounding to 16 bits.
        verify: whether to check the server's certificate, or a file with the certificates to
            trust.

    Example:

    ```python
    with Client("http://localhost:8501", "drnn_mir1k") as client:
        stems = client.separate("song.mp3")  # {"vocals": ..., "accompaniment": ...}
    ```
    """

    stems = ("vocals", "accompaniment")

    def __init__(
        self,
        url: str,
        model: str,
        version: int | None = None,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        sample_rate: int = 16000,
        alignment: int = 512,
        chunk_seconds: float = 20.0,
        context_seconds: float = 2.0,
        exact: bool = False,
        verify: bool | str = True,
    ):
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url!r} is no address of a server; http://localhost:8501 is one")
        self.name = model
        self.sample_rate = sample_rate
        self.alignment = alignment
        self.chunk_seconds = chunk_seconds
        self.context_seconds = context_seconds
        self.exact = exact
        self._timeout = timeout
        chosen = "" if version is None else f"/versions/{version}"
        self.url = f"{url.rstrip('/')}/v1/models/{quote(model, safe='')}{chosen}"
        self._session = requests.Session()
        self._verify = verify
        if token is not None:
            self._session.auth = _BearerToken(token)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=PredictRetry.times(retries)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._session.close()

    def separate(
        self, audio: str | Path | np.ndarray, rate: int | None = None
    ) -> dict[str, np.ndarray]:
        """Separate a song of any length, rate and number of channels.

        Args:
            audio: a file, or samples of shape `(samples,)` or `(channels, samples)`.
            rate: the rate in Hz of an array; the model's own where it is not given.

        Returns:
            dict of stem name to float32 array, in the rate, shape and length of the input; their
            sum is the input.

        Raises:
            AudioError: if the file cannot be read or the array is no audio.
            ServingError: if the server cannot be reached, or refuses.
        """
        from kerasvox.separation import separate_array, separate_file_to_arrays

        if isinstance(audio, str | Path):
            return separate_file_to_arrays(self._as_separator(), audio)
        return separate_array(self._as_separator(), audio, rate or self.sample_rate)

    def separate_file(
        self,
        path: str | Path,
        directory: str | Path,
        stems: list[str] | None = None,
        format: str = "wav",
        progress: "Progress | None" = None,
    ) -> dict[str, Any]:
        """Separate a song into files; see `kerasvox.separation.separate_file`.

        Raises:
            UsageError: for an unknown stem or format, or if a stem would replace the song.
            AudioError: if the song cannot be read or the stems cannot be written.
            ServingError: if the server cannot be reached, or refuses; nothing is written then.
        """
        from kerasvox.separation import separate_file

        return separate_file(
            self._as_separator(), path, directory, stems=stems, format=format, progress=progress
        )

    def predict_on_batch(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """Separate waveforms at the model's rate, each in a request of its own.

        Args:
            waveform: float32 `(batch, samples)`.

        Returns:
            dict of stem name to float32 array of the same shape.
        """
        rows = np.asarray(waveform, np.float32)
        vocals = np.stack([self._vocals(row) for row in rows]) if rows.size else rows.copy()
        return {"vocals": vocals, "accompaniment": rows - vocals}

    def _as_separator(self) -> "Separator":
        """Return this client as what it stands in for: separation needs no more than it has."""
        return cast("Separator", self)

    def _vocals(self, row: np.ndarray) -> np.ndarray:
        if not self.exact and np.abs(row).max() <= 1.0:
            answer = self._predict("wav_bytes", {"b64": self._to_wav(row)})
            vocals = self._from_wav(answer.get("vocals_bytes"), len(row))
            if vocals.min() > -_FULL_SCALE and vocals.max() < _FULL_SCALE - 1:
                return vocals.astype(np.float32) / _FULL_SCALE
        answer = self._predict("serving_default", row.tolist())
        vocals = np.asarray(answer.get("vocals"), np.float32)
        if vocals.shape != row.shape:
            raise ServingError(
                f"{self.url}: answered with vocals of {vocals.shape}; it is no model of ours"
            )
        return vocals

    def _to_wav(self, row: np.ndarray) -> str:
        # Rounded here: soundfile would scale to 32767, where TensorFlow scales to 32768.
        samples = np.rint(row * _FULL_SCALE).clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
        file = io.BytesIO()
        soundfile.write(file, samples, self.sample_rate, subtype="PCM_16", format="WAV")
        return base64.b64encode(file.getvalue()).decode("ascii")

    def _from_wav(self, value: Any, samples: int) -> np.ndarray:
        try:
            file = io.BytesIO(base64.b64decode(value["b64"], validate=True))
            found, rate = soundfile.read(file, dtype="int16")
        except (KeyError, TypeError, ValueError, soundfile.LibsndfileError) as error:
            raise ServingError(f"{self.url}: the vocals it sent are no WAV file") from error
        if found.shape != (samples,) or rate != self.sample_rate:
            raise ServingError(
                f"{self.url}: answered with {found.shape} samples at {rate} Hz to {samples} at "
                f"{self.sample_rate} Hz"
            )
        return found

    def _predict(self, signature: str, instance: Any) -> dict[str, Any]:
        """Send one instance to a signature; return its outputs by name."""
        body = {"signature_name": signature, "instances": [instance]}
        try:
            # What to trust is said here: set on the session, an environment variable overrides it.
            response = self._session.post(
                f"{self.url}:predict",
                json=body,
                timeout=(_CONNECT_SECONDS, self._timeout),
                verify=self._verify,
            )
        except requests.exceptions.RequestException as error:
            raise ServingError(f"{self.url}: {self._explain(error)}") from error
        if response.status_code != 200:
            raise ServingError(f"{self.url}: {self._reason(response)}")
        try:
            prediction = response.json()["predictions"][0]
            return dict(prediction)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ServingError(f"{self.url}: its answer is no prediction of a separator") from error

    def _explain(self, error: requests.exceptions.RequestException) -> str:
        if isinstance(error, requests.exceptions.SSLError):
            return f"its certificate is not trusted, or it speaks no TLS ({_innermost(error)})"
        if isinstance(error, requests.exceptions.ReadTimeout):
            return f"no answer within {self._timeout:g} s; give it more time, or shorter chunks"
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return f"no connection within {_CONNECT_SECONDS:g} s"
        if isinstance(error, requests.exceptions.ConnectionError):
            return f"cannot be reached ({_innermost(error)})"
        return str(error)

    def _reason(self, response: requests.Response) -> str:
        """Return in one line why the server refused."""
        try:
            reason = str(response.json()["error"])
        except (ValueError, KeyError, TypeError):
            reason = response.reason or "no reason given"
        if '"wav_bytes" not found' in reason:
            reason = "the model has no signature wav_bytes; it was not made by `kerasvox export`"
        return f"status {response.status_code}, {' '.join(reason.split())[:300]}"


class _BearerToken(requests.auth.AuthBase):
    """Puts the token into every request; a plain header would give way to one from ~/.netrc."""

    def __init__(self, token: str):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _innermost(error: BaseException) -> str:
    """Return the message of the error that began it, without the libraries' wrapping."""
    while inner := (getattr(error, "reason", None) or error.__context__):
        if not isinstance(inner, BaseException):
            break
        error = inner
    return getattr(error, "strerror", None) or " ".join(str(error).split())
