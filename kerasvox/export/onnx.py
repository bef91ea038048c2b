"""A preset as ONNX files."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import kerasvox
from kerasvox import presets
from kerasvox.errors import ExportError, UsageError
from kerasvox.export.artefact import Artefact
from kerasvox.export.metadata import metadata
from kerasvox.export.output import partial_folder, publish
from kerasvox.export.parity import check, compare, compare_stream, song_excerpts
from kerasvox.export.twin import export_twin, without_cudnn
from kerasvox.models.separator import Separator

OPSETS = (17, 18)
DTYPES = ("float32", "float16")
_LIBRARIES = ("tf2onnx", "onnx", "onnxruntime")


def export_onnx(
    preset: str | Path,
    output: Path,
    *,
    opset: int = 18,
    dtype: str = "float32",
    audio: Iterable[str | Path] = (),
) -> dict[str, Any]:
    """Write `<output>/<name>.onnx`, checked against the model, or nothing.

    Input `waveform`, outputs `vocals` and `accompaniment`, float32 `(batch, samples)` at the
    model's rate; any positive batch and number of samples, and an error where one is 0. Samples
    that are no number are not refused, ONNX has no check for them: what they give is no number
    either. Where the model can stream, `<output>/<name>_streaming.onnx` is written too: see
    `StreamingFunction`.

    Args:
        preset: a preset's name, or its folder.
        output: the folder that the files go to; made if need be.
        opset: version of ONNX's operators, 17 or 18.
        dtype: of the weights in the file: `"float16"` takes half the space. Computing stays in
            float32, as do the kernels of the Fourier transforms. Weights that are float16 in the
            preset, as the zoo's are, stay exact; others are rounded, and the file is compared with
            the model rounded likewise.
        audio: files to compare on; by default the demo song.

    Returns:
        dict of `path`, of `streaming_path` where there is one, and of the parity `report`.

    Raises:
        UsageError: if the opset or dtype is none of the above.
        PresetError: if there is no such preset, or it is damaged.
        AudioError: if a file cannot be read, or holds samples that are no number.
        ExportError: if a library is missing, a file exists, the folder cannot be written, the
            graph has a loop, or the result differs from the model.

    Example:

    ```python
    export_onnx("drnn_mir1k", Path("models"), dtype="float16")
    ```
    """
    _check(opset, dtype)
    directory = presets.preset_directory(preset)
    name = presets.preset_name(directory)
    separator = Separator.from_preset(directory)
    endings = ("", "_streaming") if separator.can_stream else ("",)
    targets = [output / f"{name}{ending}.onnx" for ending in endings]
    _require_free(targets)
    without_cudnn(separator)
    if dtype == "float16":
        _round_weights(separator, name)
    excerpts = song_excerpts(separator.sample_rate, [Path(each) for each in audio])
    facts = _facts(separator, directory, dtype)
    with partial_folder(output) as partial:
        files = [partial / target.name for target in targets]
        _write(separator, files, facts, opset, dtype)
        report = _report(separator, files, excerpts)
        _publish(files, targets)
    paths = dict(zip(("path", "streaming_path"), map(str, targets), strict=False))
    return {**paths, "report": report}


def _check(opset: int, dtype: str) -> None:
    if opset not in OPSETS:
        raise UsageError(f"opset is {' or '.join(map(str, OPSETS))}; received {opset}")
    if dtype not in DTYPES:
        raise UsageError(f"dtype is {' or '.join(DTYPES)}; received {dtype!r}")
    missing = [library for library in _LIBRARIES if find_spec(library) is None]
    if missing:
        raise ExportError(
            f'ONNX export needs {", ".join(missing)}; install with: pip install "kerasvox[onnx]"'
        )


def _require_free(targets: Sequence[Path]) -> None:
    for target in targets:
        if target.exists():
            raise ExportError(f"{target}: exists already; exports are never overwritten")


def _round_weights(separator: Separator, name: str) -> None:
    with np.errstate(over="ignore"):
        rounded = [weight.astype(np.float16) for weight in separator.get_weights()]
    if not all(np.isfinite(weight).all() for weight in rounded):
        raise ExportError(f"{name}: has a weight too large for float16; export it as float32")
    separator.set_weights([weight.astype(np.float32) for weight in rounded])


def _facts(separator: Separator, directory: Path, dtype: str) -> dict[str, Any]:
    return {
        **metadata(separator, directory),
        "version": kerasvox.__version__,
        "weights_dtype": dtype,
        "comment": "waveform in, one waveform a stem out, float32 (batch, samples), "
        f"full scale at 1, {separator.sample_rate} Hz; the stems sum to the waveform",
    }


def _write(
    separator: Separator, files: Sequence[Path], facts: dict, opset: int, dtype: str
) -> None:
    from kerasvox.export.onnx_writer import write_onnx

    twin = export_twin(separator, "matmul")
    for file, streaming in zip(files, (False, True), strict=False):
        write_onnx(twin, file, facts, streaming=streaming, opset=opset, dtype=dtype)


def _report(
    separator: Separator, files: Sequence[Path], excerpts: Sequence[np.ndarray]
) -> dict[str, Any]:
    from kerasvox.export.onnx_functions import NEXT

    offline, *streaming = files
    with Artefact(offline) as artefact:
        report = compare(artefact, separator, excerpts)
    check(offline.name, report["cases"])
    for file in streaming:
        with Artefact(file) as artefact:

            def step(inputs: dict[str, np.ndarray], artefact: Artefact = artefact) -> dict:
                outputs, _ = artefact.run(inputs)
                return {name.removeprefix(NEXT): each for name, each in outputs.items()}

            cases = [compare_stream(step, separator, excerpts[index]) for index in (0, -2)]
        check(file.name, cases)
        report["streaming"] = {"cases": cases, "delay": separator.streaming_delay}
    report["bytes"] = {file.name: file.stat().st_size for file in files}
    return report


def _publish(files: Sequence[Path], targets: Sequence[Path]) -> None:
    """Move all files to their places, or none."""
    done: list[Path] = []
    try:
        for file, target in zip(files, targets, strict=True):
            publish(file, target)
            done.append(target)
    except BaseException:
        for target in done:
            target.unlink()
        raise
