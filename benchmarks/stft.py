"""What `method="auto"` rests on: the FFT form of the STFT and its inverse against the matrix form.

    python benchmarks/stft.py

prints how many times faster the FFT form is on this machine (medians of compiled, synchronised
calls, both forms taking turns), and how far the two differ, as a share of the largest value.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from kerasvox.layers.inverse_stft import InverseSTFT
from kerasvox.layers.stft import STFT

METHODS = ("fft", "matmul")
SAMPLES = 51200


def main() -> None:
    waveform = tf.constant(np.random.default_rng(0).normal(size=(64, SAMPLES)).astype("float32"))
    spectrum = STFT(method="fft")(waveform)
    forward = {method: compiled(STFT(method=method)) for method in METHODS}
    backward = {
        method: compiled(partial(InverseSTFT(method=method), samples=SAMPLES)) for method in METHODS
    }
    for name, forms, arguments in (
        ("STFT", forward, [waveform]),
        ("InverseSTFT", backward, spectrum),
    ):
        seconds = {method: [] for method in METHODS}
        results = {method: forms[method](*arguments) for method in METHODS}
        for _ in range(15):
            for method in METHODS:
                seconds[method].append(timed(forms[method], arguments))
        ratio = statistics.median(seconds["matmul"]) / statistics.median(seconds["fft"])
        print(f"{name}: FFT {ratio:.2f} times faster, differs by {difference(results):.1e}")


def compiled(function: Callable) -> Callable:
    graph = tf.function(function)
    return lambda *arguments: [part.numpy() for part in keras.tree.flatten(graph(*arguments))]


def timed(function: Callable, arguments: list) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def difference(results: dict[str, list[np.ndarray]]) -> float:
    pairs = list(zip(*results.values(), strict=True))
    largest = max(np.abs(one).max() for one, _ in pairs)
    return max(np.abs(one - other).max() for one, other in pairs) / largest


if __name__ == "__main__":
    main()
