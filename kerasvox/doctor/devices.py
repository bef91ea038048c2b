"""What Keras computes on, and whether it does."""

import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasvox.doctor.finding import Finding, one_line

_SIZE = 1024
_RUNS = 5
# A GPU may multiply float32 with the 10 bits of TF32, a TPU with the 7 of bfloat16.
_TOLERANCE = 0.02


def check_devices() -> Iterator[Finding]:
    """Multiply two matrices on every device of the backend and compare with numpy."""
    import keras

    backend = keras.config.backend()
    try:
        devices = keras.distribution.list_devices() or ["cpu:0"]
    except Exception as error:  # whatever a driver comes up with
        found = f"cannot list its devices ({one_line(error)})"
        yield Finding("device", backend, "broken", found, _driver_advice("the machine"))
        return
    generator = np.random.default_rng(0)
    factors = generator.uniform(-1, 1, (2, _SIZE, _SIZE)).astype(np.float32)
    expected = np.matmul(*factors)
    for device in devices:
        yield _check(device, factors, expected)
    yield from _unseen_gpus(backend, devices)


def _check(device: str, factors: np.ndarray, expected: np.ndarray) -> Finding:
    try:
        result, place, seconds = _multiply(device, factors)
    except Exception as error:  # whatever a driver comes up with
        found = f"cannot multiply matrices ({one_line(error)})"
        return Finding("device", device, "broken", found, _driver_advice(device))
    difference = float(np.abs(result - expected).max() / np.abs(expected).max())
    rate = 2 * _SIZE**3 / seconds
    data = {"difference": difference, "seconds": seconds, "flops": rate, "ran_on": place}
    if not difference < _TOLERANCE:  # NaN, too
        found = f"multiplies wrongly: its product differs from numpy's by {difference:.1e}"
        return Finding("device", device, "broken", found, _driver_advice(device), data)
    if device.lower() not in place.lower():
        found = f"is listed, but the product was computed on {place}"
        return Finding("device", device, "broken", found, _driver_advice(device), data)
    found = (
        f"{_SIZE} x {_SIZE} matmul in {1000 * seconds:.1f} ms, {rate / 1e9:.0f} GFLOP/s; "
        f"differs from numpy's by {difference:.0e}"
    )
    return Finding("device", device, "ok", found, data=data)


def _multiply(device: str, factors: np.ndarray) -> tuple[np.ndarray, str, float]:
    """Return the product, where it was computed, and the median seconds of a synchronised run."""
    import keras
    from keras import ops

    seconds = []
    with keras.device(device):
        one, other = (ops.convert_to_tensor(factor) for factor in factors)
        for _ in range(1 + _RUNS):
            began = time.perf_counter()
            product = ops.matmul(one, other)
            result = np.asarray(ops.convert_to_numpy(product))
            seconds.append(time.perf_counter() - began)
    return result, _place(product), statistics.median(seconds[1:])


def _place(tensor: Any) -> str:
    """Return where a tensor lies, with `"cpu:0"` or the like in it."""
    devices = getattr(tensor, "devices", None)  # of JAX
    if callable(devices):
        return ", ".join(f"{each.platform}:{each.id}" for each in devices()).replace("cuda", "gpu")
    return str(tensor.device)


def _driver_advice(device: str) -> str:
    return f"check the driver of {device}, or hide the device: CUDA_VISIBLE_DEVICES=-1"


def _unseen_gpus(backend: str, devices: list[str]) -> Iterator[Finding]:
    """Warn where the machine has NVIDIA GPUs and the backend sees none."""
    present = _nvidia_gpus()
    if present and not any("gpu" in device.lower() for device in devices):
        package = {"tensorflow": "tensorflow[and-cuda]", "jax": "jax[cuda13]"}[backend]
        yield Finding(
            "device",
            "gpu",
            "warning",
            f"nvidia-smi lists {present} GPU(s), {backend} sees none",
            f'pip install "{package}", and see that CUDA_VISIBLE_DEVICES does not hide them',
        )


def _nvidia_gpus() -> int:
    if not shutil.which("nvidia-smi"):
        return 0
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())
