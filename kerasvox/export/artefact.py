"""An exported artefact at work in a process of its own."""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np

from kerasvox.errors import ExportError

_SCRIPT = Path(__file__).with_name("parity_worker.py")


class Artefact:
    """A SavedModel folder or an ONNX file, run without Keras and without kerasvox.

    Args:
        path: the folder of a SavedModel's version, or a file that ends in `.onnx`.

    Raises:
        ExportError: if the process ends, or an input makes the artefact fail.

    Example:

    ```python
    with Artefact(folder) as artefact:
        outputs, seconds = artefact.run({"waveform": waveform})
    ```
    """

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        # An export is for machines without a GPU, and compared with a model on the CPU.
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT), str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def run(
        self,
        inputs: dict[str, np.ndarray],
        signature: str = "serving_default",
        repeats: int = 1,
    ) -> tuple[dict[str, np.ndarray], list[float]]:
        """Run one signature (an ONNX file has but one; its name does not matter there).

        Args:
            inputs: input name to array; a string tensor is an array of bytes objects.
            signature: its name in the SavedModel.
            repeats: how often to run it.

        Returns:
            dict of output name to array, and the seconds that each run took.
        """
        reply = self._ask({"signature": signature, "inputs": inputs, "repeats": repeats})
        if "error" in reply:
            error = " ".join(reply["error"].split())
            raise ExportError(f"{self.path.name}: fails where it is run: {error}")
        return reply["outputs"], reply["seconds"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self._process.wait()
            self._log.seek(0)
            last = self._log.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise ExportError(
                f"{self.path.name}: cannot be loaded or aborts where it is run: {last}"
            ) from error
