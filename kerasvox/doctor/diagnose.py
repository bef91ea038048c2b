"""The whole examination."""

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import kerasvox
from kerasvox.backend import start_backend
from kerasvox.doctor.finding import Finding, one_line

_BACKENDS = ("tensorflow", "jax")
_OTHER_BACKENDS = ("torch", "numpy", "openvino")  # Keras has them, kerasvox is not made for them


def diagnose() -> Iterator[Finding]:
    """Look at the installation, one thing after the other.

    Yields:
        A finding as soon as it is made: versions and packages, the backend, its devices, decoders,
        the metric, presets, and a short separation. What rests on something broken is left out.
    """
    yield Finding("version", "kerasvox", "ok", kerasvox.__version__)
    yield Finding("version", "python", "ok", f"{platform.python_version()}, {platform.platform()}")
    backend, chosen_by = configured_backend()
    from kerasvox.doctor.packages import check_packages

    supported = backend in _BACKENDS
    yield from check_packages(backend if supported else None)
    started = (_start if supported else _unsupported)(backend, chosen_by)
    yield started
    runs = started.status == "ok"
    if runs:
        from kerasvox.doctor.devices import check_devices

        yield from check_devices()
    from kerasvox.doctor.decoders import check_decoders
    from kerasvox.doctor.metric import check_metric
    from kerasvox.doctor.zoo import check_presets, check_separation

    yield from check_decoders()
    yield check_metric()
    whole = {}
    for finding in check_presets():
        if finding.status == "ok":
            whole[finding.data["bytes"]] = finding.subject
        yield finding
    if runs and whole:
        yield check_separation(whole[min(whole)])


def configured_backend() -> tuple[str, str]:
    """Return the backend that Keras is set to, and what set it; Keras is not imported."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        settings = json.loads((home / "keras.json").read_text(encoding="utf-8"))
        return settings["backend"], str(home / "keras.json")
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "Keras' default"


def _unsupported(backend: str, chosen_by: str) -> Finding:
    # No advice to install it: under a mistyped name anything may be found.
    found = "is not supported" if backend in _OTHER_BACKENDS else "is no backend of Keras"
    advice = f"set KERAS_BACKEND to {' or '.join(_BACKENDS)}"
    return Finding("backend", backend, "broken", f"{found} (chosen by {chosen_by})", advice)


def _start(backend: str, chosen_by: str) -> Finding:
    advice = "install it, or set KERAS_BACKEND to one that is installed: tensorflow or jax"
    try:
        start_backend()
    except Exception as error:  # whatever a broken installation comes up with
        found = f"does not start ({one_line(error.__cause__ or error)})"
        return Finding("backend", backend, "broken", found, advice)
    import keras

    data = {"keras": keras.__version__, "chosen_by": chosen_by}
    found = f"runs Keras {keras.__version__} (chosen by {chosen_by})"
    return Finding("backend", backend, "ok", found, data=data)
