"""The models of a folder, loaded and unloaded as their version folders come and go."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from kerasvox.serving.models_folder import find_models
from kerasvox.serving.request_error import RequestError
from kerasvox.serving.signatures import Signature

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 30.0
# Files of a version, with size and time of change: what a copy under way still alters.
_Fingerprint = tuple[tuple[str, int, int], ...]


class Runnable(Protocol):
    """What a version is when it is loaded."""

    signatures: dict[str, Signature]

    def run(self, signature: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Run a signature; see `Servable.run`."""


@dataclass(frozen=True)
class Version:
    """A version folder of a model.

    Attributes:
        number: its number.
        state: as TensorFlow Serving has it: `"LOADING"`, `"AVAILABLE"`, or `"END"` where loading
            failed.
        fingerprint: its files when they were last looked at.
        servable: the loaded model, where it is available.
        error: why it could not be loaded.
    """

    number: int
    state: str
    fingerprint: _Fingerprint
    servable: Runnable | None = None
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return its status as TensorFlow Serving has it."""
        status = {"error_code": "UNKNOWN" if self.error else "OK", "error_message": self.error}
        return {"version": str(self.number), "state": self.state, "status": status}


class ModelRepository:
    """The models of a folder, `<folder>/<model>/<version>/`.

    A thread looks at the folder every `interval` seconds. A new version is loaded once its files
    have stopped changing between two looks; those of the first look are loaded at once. Until a
    version is available, and if it cannot be loaded, the others serve on. A version whose folder
    is gone is dropped: requests that run on it end in peace. One that failed is tried again when
    its files change.

    Args:
        directory: the folder.
        load: makes a version's folder into something that runs.
        interval: seconds between looks.
    """

    def __init__(self, directory: Path, load: Callable[[Path], Runnable], interval: float = 1.0):
        self._directory = directory
        self._load = load
        self._interval = interval
        self._models: dict[str, dict[int, Version]] = {}
        self._first_look = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model-watcher", daemon=True)

    def start(self) -> None:
        """Begin to look at the folder."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; wait for a version that is being loaded now."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    @property
    def ready(self) -> bool:
        """Whether every model of the first look has had its chance, and one can be served."""
        return not self._first_look and any(
            version.servable for versions in self._models.values() for version in versions.values()
        )

    def find(self, model: str, version: int | None = None) -> tuple[int, Runnable]:
        """Return a version of a model, the highest available one by default, and its number.

        Raises:
            RequestError: 404 if there is none, 503 if it is still being loaded.
        """
        versions = self._versions(model, version)
        for number in sorted(versions, reverse=True):
            servable = versions[number].servable
            if servable is not None:
                return number, servable
        name = _name(model, version)
        if any(each.state == "LOADING" for each in versions.values()):
            raise RequestError(503, f"{name} is being loaded", retry_after=2)
        errors = "; ".join(each.error for each in versions.values())
        raise RequestError(404, f"{name} could not be loaded: {errors}")

    def status(self, model: str, version: int | None = None) -> list[Version]:
        """Return the versions of a model, or the one asked for, the highest first.

        Raises:
            RequestError: 404 if there is none.
        """
        versions = self._versions(model, version)
        return [versions[number] for number in sorted(versions, reverse=True)]

    def _versions(self, model: str, version: int | None) -> dict[int, Version]:
        versions = self._models.get(model, {})
        if version is not None:
            versions = {number: each for number, each in versions.items() if number == version}
        if not versions:
            if self._first_look:
                raise RequestError(503, "the models are being loaded", retry_after=2)
            found = self._models.get(model)
            there = ", ".join(map(str, sorted(found))) if found else ", ".join(sorted(self._models))
            raise RequestError(
                404, f"{_name(model, version)} is not served; there is {there or 'none'}"
            )
        return versions

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                self.look()
            except Exception:
                _LOG.exception("cannot look at %s", self._directory)
            self._stopped.wait(self._interval)

    def look(self) -> None:
        """Compare the folder with what is loaded; load and drop what differs."""
        found = find_models(self._directory)
        self._drop_missing(found)
        for model, folders in found.items():
            # The highest version first: it is the one that is asked for.
            for number in sorted(folders, reverse=True):
                if self._stopped.is_set():
                    return
                self._look_at(model, number, folders[number])
        self._first_look = False

    def _drop_missing(self, found: dict[str, dict[int, Path]]) -> None:
        for model, versions in list(self._models.items()):
            for number in versions.keys() - found.get(model, {}).keys():
                self._set(model, number, None)
                _LOG.info("unloaded %s", _name(model, number))

    def _look_at(self, model: str, number: int, folder: Path) -> None:
        known = self._models.get(model, {}).get(number)
        if known is not None and known.state == "AVAILABLE":
            return
        fingerprint = _fingerprint(folder)
        changed = known is None or known.fingerprint != fingerprint
        version = Version(number, "LOADING", fingerprint)
        if changed and not self._first_look:
            self._set(model, number, version)  # and see at the next look whether it is whole
        elif changed or (known is not None and known.state == "LOADING"):
            self._set(model, number, version)
            self._set(model, number, self._loaded(model, version, folder))

    def _loaded(self, model: str, version: Version, folder: Path) -> Version:
        name = _name(model, version.number)
        try:
            servable = self._load(folder)
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            _LOG.error("cannot load %s from %s: %s", name, folder, reason)
            return replace(version, state="END", error=reason)
        _LOG.info("loaded %s", name)
        return replace(version, state="AVAILABLE", servable=servable)

    def _set(self, model: str, number: int, version: Version | None) -> None:
        """Set, or remove, a version. Readers see the old dictionaries or the new, never between."""
        versions = {n: v for n, v in self._models.get(model, {}).items() if n != number}
        if version is not None:
            versions[number] = version
        models = {name: each for name, each in self._models.items() if name != model}
        if versions:
            models[model] = versions
        self._models = models


def _name(model: str, version: int | None) -> str:
    return f"model {model[:80]!r}" + ("" if version is None else f" version {version}")


def _fingerprint(folder: Path) -> _Fingerprint:
    stats = [(path, path.stat()) for path in sorted(folder.rglob("*"))]
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
